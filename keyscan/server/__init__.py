"""JSON lines around the engine."""
