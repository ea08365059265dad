"""Keys in the tags of audio files, where DJ software reads them; mutagen, an optional extra."""
