"""Whole tracks whose changes of key are known, and how well timelines find them."""
