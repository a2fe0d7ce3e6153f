"""Keeps an eye on the database, and looks after it."""
