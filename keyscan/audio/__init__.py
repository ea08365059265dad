"""A file becomes mono blocks; this package knows no keys, requests or torch."""
