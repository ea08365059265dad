"""Accuracy of the tuning estimate on detuned recordings."""
