"""Comparative measurements; each is a script that prints a table."""
