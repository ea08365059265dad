"""Folders are watched, and what appears or changes in them is analysed; watchdog is an extra."""
