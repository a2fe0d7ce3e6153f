"""Masks known secrets in a byte stream before anything is kept of it. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

SHORTEST_SECRET = 8
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)


def secrets_in(env: Mapping[str, str]) -> list[str]:
    """The values of an environment whose names say that they are secret."""
    return [
        value
        for name, value in env.items()
        if _SECRET_NAME.search(name) and len(value) >= SHORTEST_SECRET
    ]


class Redactor:
    """Puts a `*` for each byte of a secret, so that every offset and length stays.

    A secret is also found in the form that JSON gives it, and over the border of two
    chunks: what may be the beginning of one is held back until the next chunk.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for form in (secret, json.dumps(secret)[1:-1])}
        encoded = (form.encode("utf-8", "surrogateescape") for form in forms)
        self._secrets = sorted(encoded, key=len, reverse=True)
        self._held = b""
        self._masked = 0

    def feed(self, chunk: bytes) -> bytes:
        """What of the stream can be passed on."""
        if not self._secrets:
            return chunk
        data = self._held + chunk if self._held else chunk
        return self._pass(data, max(_begun(secret, data) for secret in self._secrets))

    def flush(self) -> bytes:
        """What was held back, at the end of the stream."""
        return self._pass(self._held, 0)

    def _pass(self, data: bytes, keep: int) -> bytes:
        """All but the last `keep` bytes, masked.

        Those are held as they came: a secret that ends in them may begin a longer one.
        """
        until = len(data) - keep
        spans = [(0, self._masked)] if self._masked else []
        for secret in self._secrets:
            spans += _found(secret, data)
        self._held = data[until:]
        self._masked = max((end - until for start, end in spans if start < until < end), default=0)
        if not spans:
            return data[:until] if keep else data
        clear = bytearray(data)
        for start, end in spans:
            clear[start:end] = b"*" * (end - start)
        return bytes(clear[:until])


def _found(secret: bytes, data: bytes) -> Iterator[tuple[int, int]]:
    """Where `secret` begins and ends in `data`, as often as it is there."""
    at = data.find(secret)
    while at != -1:
        yield at, at + len(secret)
        at = data.find(secret, at + 1)


def _begun(secret: bytes, data: bytes) -> int:
    """The length of the longest proper beginning of `secret` that `data` ends with."""
    window = data[-(len(secret) - 1) :]
    at = window.find(secret[:1])
    while at != -1:
        if secret.startswith(window[at:]):
            return len(window) - at
        at = window.find(secret[:1], at + 1)
    return 0
