"""Damaged files and damaged lines, made by chance and from a seed, for the real server."""
