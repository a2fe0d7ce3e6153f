"""The Agent Client Protocol: agents of any command that speaks it, and what several CLIs share."""

TYPE = "acp"
