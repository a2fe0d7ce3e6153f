"""Remembers agents, conversations, turns, runs and events. The only place with SQL."""
