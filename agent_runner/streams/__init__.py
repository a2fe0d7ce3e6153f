"""The languages that streams speak: one file per dialect, without I/O.

A dialect is registered by being a class of a module here that has a `name` (`registry`).
"""
