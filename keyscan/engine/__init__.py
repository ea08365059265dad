"""Paths in, ``Analysis`` out: worker processes, the model's thread, the cache's look-up."""
