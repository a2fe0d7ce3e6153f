"""A program with a terminal UI of its own that is known by its screen only."""
