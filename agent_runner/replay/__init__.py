"""Plays a recorded transcript in place of a CLI."""
