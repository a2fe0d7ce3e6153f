"""What a prompt may be."""

from __future__ import annotations

from agent_runner.errors import BadRequestError, TooLargeError


def check_prompt(prompt: str, most_bytes: int) -> None:
    """BadRequestError `empty_prompt`, `invalid_prompt`; TooLargeError `prompt_too_large`."""
    if not prompt.strip():
        raise BadRequestError("empty_prompt", "the prompt is empty")
    try:
        size = len(prompt.encode())
    except UnicodeEncodeError:
        raise BadRequestError(
            "invalid_prompt", "the prompt holds half of a surrogate pair"
        ) from None
    if "\0" in prompt:
        raise BadRequestError("invalid_prompt", "the prompt holds a NUL character")
    if size > most_bytes:
        raise TooLargeError(
            "prompt_too_large",
            f"the prompt has {size} bytes, at most {most_bytes} are taken",
        )
