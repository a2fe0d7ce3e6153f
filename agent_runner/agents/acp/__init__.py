"""The Agent Client Protocol, which several CLIs speak."""
