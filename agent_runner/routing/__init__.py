"""Decides how a run is driven."""
