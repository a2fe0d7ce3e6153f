"""The one form of a JSON value, and the hash by which a decision names what it has seen.

The form is that of RFC 8785 as far as Python's `json` gives it: keys in the order of their code
points, no blanks, UTF-8 with nothing escaped that need not be. Numbers are written as Python
writes them: 1 and 1.0 are two values, and 1e16 is `1e+16`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical(value: Any) -> bytes:
    """`value` in its canonical form; equal bytes mean equal values, whatever the keys' order.

    ValueError for what JSON cannot hold: NaN and infinities, keys that are no text, half a
    surrogate pair, other types, a value that holds itself, nesting beyond Python's stack.
    """
    try:
        _check_keys(value)
        text = json.dumps(
            value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        return text.encode()
    except (TypeError, RecursionError) as error:
        raise ValueError(f"no JSON value: {error}") from error


def input_hash(tool: str, input: dict[str, Any]) -> str:  # noqa: A002
    """SHA-256 in hex of the canonical `{"input": input, "tool": tool}`; errors as `canonical`."""
    return hashlib.sha256(canonical({"tool": tool, "input": input})).hexdigest()


def _check_keys(value: Any) -> None:
    """`json` would write the keys 1 and "1" alike."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"the key {key!r} is no text")
            _check_keys(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check_keys(item)
