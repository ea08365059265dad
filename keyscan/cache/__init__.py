"""Answers kept by content."""
