"""Puts two answers to one prompt side by side. Pure: no I/O, no clock."""
