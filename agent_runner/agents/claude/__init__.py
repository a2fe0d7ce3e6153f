"""Claude Code: all that is known of this CLI."""

TYPE = "claude-code"
