"""What a conversation is called before anybody gives it a name."""

from __future__ import annotations

from agent_runner.plain_text import clean

LONGEST = 80


def title_of(prompt: str) -> str:
    """The first line of a prompt that says something, at most LONGEST characters."""
    line = next((line for line in prompt[:4000].splitlines() if line.strip()), prompt[:LONGEST])
    words = " ".join(clean(line).split())
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1].rstrip()}…"
