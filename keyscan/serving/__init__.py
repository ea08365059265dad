"""Requests become replies; nothing here knows of music."""
