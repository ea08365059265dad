"""A spectrogram becomes a key; the only package that imports torch."""
