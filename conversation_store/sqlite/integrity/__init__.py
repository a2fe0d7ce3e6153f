"""Looks after the database: check, repair, vacuum, backup, restore, stats."""
