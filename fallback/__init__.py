"""Decides: which mode is allowed now, and why."""
