"""Looks at the machine: which CLIs are there, may they run, what is missing."""
