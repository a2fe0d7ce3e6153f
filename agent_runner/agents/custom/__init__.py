"""Any command, in a dialect of its choice."""

TYPE = "custom"
