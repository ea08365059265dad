"""Tracks with known key changes, and the evaluation of key timelines on them."""
