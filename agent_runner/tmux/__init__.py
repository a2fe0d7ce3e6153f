"""Runs a CLI's own terminal UI in a tmux of its own: the driver program, and a look at it."""
