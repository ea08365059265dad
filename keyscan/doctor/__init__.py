"""What decides the speed of an installation."""
