"""Speaks to a running service over HTTP."""
