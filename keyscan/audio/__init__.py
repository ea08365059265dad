"""A file becomes mono blocks; nothing here knows of keys, requests or torch."""
