"""Decides which mode is allowed now, and why. Pure values: no clock, no I/O."""
