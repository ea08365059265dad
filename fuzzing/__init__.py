"""Random damaged files and lines, reproducible from a seed, for the real server."""
