"""Starts programs, moves their bytes, ends them with all they started. Knows no CLI."""
