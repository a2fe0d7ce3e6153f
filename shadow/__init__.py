"""Compares two answers to one prompt. Holds nothing yet."""
