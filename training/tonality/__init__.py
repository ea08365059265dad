"""Tonality: a classifier that distinguishes music in a key from drums, speech and noise."""
