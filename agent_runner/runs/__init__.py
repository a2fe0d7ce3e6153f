"""The life of a run: accepted, queued, driven, ended exactly once."""
