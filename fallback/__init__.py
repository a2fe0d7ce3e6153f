"""Decides which mode is allowed now. Holds nothing yet."""
