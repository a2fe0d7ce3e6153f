"""The agent type that plays recorded conversations."""

TYPE = "replay"
