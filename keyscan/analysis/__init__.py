"""A file becomes a key; nothing here knows of requests."""
