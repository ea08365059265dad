"""Files that nobody records: impossible claims, bombs, and references to other files."""
