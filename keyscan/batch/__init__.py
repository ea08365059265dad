"""Tables, documents, playlists and progress around the engine."""
