"""Stores events first, then hands them to whoever listens."""
