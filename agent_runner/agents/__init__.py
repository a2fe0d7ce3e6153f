"""Adapters: how to start each CLI, talk to it and read it. No I/O."""
