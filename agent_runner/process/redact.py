"""Masks known secrets in a byte stream before anything is kept of it. No I/O."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping

from agent_runner import quoting
from agent_runner.process.secrecy import masked_in_text

SHORTEST_CODED = 8
"""Base64 of fewer characters would be found where it is none."""

_NO_LINE_END = re.compile(rb"[^\n]")


def secrets_in(env: Mapping[str, str]) -> list[str]:
    """The values of an environment that are secret by their names or their look."""
    return [value for name, value in env.items() if masked_in_text(name, value, given=False)]


def forms_of(secret: str) -> set[bytes]:
    """A secret as programs print it: itself, in JSON, in JSON in JSON, in a URL, in base64."""
    escaped = {json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    twice = {json.dumps(form, ensure_ascii=False)[1:-1] for form in escaped}
    data = secret.encode("utf-8", "surrogateescape")
    in_url = set(quoting.parameter(data))
    forms = {form.encode("utf-8", "surrogateescape") for form in escaped | twice | in_url}
    return {data, *forms, *_coded(data)}


def all_forms(secrets: Iterable[str]) -> list[bytes]:
    """Every form of every secret, the longest first."""
    forms = {form for secret in set(secrets) for form in forms_of(secret)}
    return sorted(forms, key=len, reverse=True)


def _coded(data: bytes) -> Iterator[bytes]:
    """What of its base64 does not depend on what stands before and after it."""
    for before in range(3):
        whole = (before + len(data)) // 3 * 3
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            coded = encode((bytes(before) + data)[:whole])[4 if before else 0 :]
            if len(coded) >= SHORTEST_CODED:
                yield coded


class Redactor:
    """Puts a `*` for each byte of a secret, so that every offset, length and line end stays.

    A secret is found in each of its `forms_of`, and over the border of two chunks: what may be
    the beginning of one is held back until the next chunk. `hidden` has what was masked, by its
    place in the stream, for the user to take out.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = all_forms(secrets)
        self.hidden: list[tuple[int, bytes]] = []
        self._held = b""
        self._masked = 0
        self._at = 0

    @classmethod
    def of_forms(cls, forms: list[bytes]) -> Redactor:
        """One of many for the same secrets, whose `all_forms` are at hand."""
        made = cls()
        made._secrets = forms
        return made

    def feed(self, chunk: bytes) -> bytes:
        """What of the stream can be passed on."""
        if not self._secrets:
            return chunk
        data = self._held + chunk if self._held else chunk
        return self._pass(data, max(_begun(secret, data) for secret in self._secrets))

    @property
    def held(self) -> int:
        """How many bytes are held back."""
        return len(self._held)

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
            self._at += until
            return data[:until] if keep else data
        clear = bytearray(data)
        for start, end in spans:
            clear[start:end] = _NO_LINE_END.sub(b"*", clear[start:end])
            self.hidden.append((self._at + start, data[start : min(end, until)]))
        self._at += until
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
