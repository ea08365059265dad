"""Teaching a checkpoint to tell music in a key from drums, speech and noise."""
