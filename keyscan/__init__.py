"""Musical keys for DJ applications."""

__version__ = "0.1.0"
