"""Compares: puts two answers side by side."""
