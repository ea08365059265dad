"""Synthetic music with a known key: harmony, layers of notes, timbres, drums and the mix."""
