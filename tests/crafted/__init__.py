"""Files that no recorder writes: impossible claims, bombs, and references to other files."""
