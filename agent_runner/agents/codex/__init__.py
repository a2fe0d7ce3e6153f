"""Codex CLI: all that is known of this CLI."""

TYPE = "codex"
