"""Many files for a person: which they are, how far it has got, and what became of each."""
