"""Claude Code: all that is known of this CLI."""
