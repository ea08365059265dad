"""How well the tuning of detuned recordings is found."""
