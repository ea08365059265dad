"""Mono blocks become the constant-Q spectrogram."""
