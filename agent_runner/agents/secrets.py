"""The secrets in an agent's options, wherever they stand. No I/O.

Three things are done with them: `masked` puts MASK in their place for whoever is shown the
options, `restored` puts the kept values back where MASK comes in, and `secrets_of` lists what is
masked in all that the agent's programs print.

Every value of an `env` or of `headers` counts; elsewhere what a key, a flag or a parameter names
as secret, the user part of a URL, and keys of a known kind.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, unquote_plus

import msgspec

from agent_runner.errors import BadRequestError
from agent_runner.process.secrecy import (
    LONGEST_WORD,
    SHORTEST_SECRET,
    is_opaque,
    keys_in,
    masked_in_text,
    says_secret,
)

MASK = "*"

FIELDS = ("env", "mcpServers", "extraArgs", "command")
"""The options that are looked into."""

_DEEPEST = 100
_WHOLE = re.compile(r"env|environment|env_?vars?|(?:http_?|request_?)?headers?", re.IGNORECASE)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")
_USER = re.compile(r"://([^/?#@]+)@")
_PARAMETER = re.compile(r"[?&#;]([^=&#;?]+)=([^&#;]+)")
_SEGMENT = re.compile(r"(?<=/)[^/?#]+")
_PAIR = re.compile(r"(-{0,2}[\w.-]+)(=|:\s*)(?=\S)(.*)", re.DOTALL)
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_FLAG = re.compile(r"--?[A-Za-z][\w-]*")
_SCHEME = re.compile(r"(\w+)\s+(\S+)")
_COOKIE = re.compile(r"[^=;\s]+=([^;]+)")


class Place(msgspec.Struct, frozen=True):
    """Where a secret stands: in which field, and by what name there.

    `sure`: MASK can mean nothing else there than the value that is kept.
    """

    field: str
    name: str
    sure: bool = True


class Visitor:
    """Is shown the texts and the secrets of options, and says what is to stand in their place."""

    def text(self, field: str, text: str) -> str | None:
        """The whole of a text; None to have its secrets looked for."""
        return None

    def secret(self, place: Place, value: Any) -> Any:
        """A secret."""
        return MASK


class _Kept(Visitor):
    """Collects what `restored` puts back."""

    def __init__(self) -> None:
        self.texts: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.secrets: dict[Place, list[Any]] = defaultdict(list)

    def text(self, field: str, text: str) -> None:
        shown = _looked_into(Place(field, field), text, Visitor())
        if shown != text:
            self.texts[field, shown].append(text)

    def secret(self, place: Place, value: Any) -> Any:
        self.secrets[place].append(value)
        return value


class _Restoring(Visitor):
    def __init__(self, kept: _Kept) -> None:
        self._kept = kept

    def text(self, field: str, text: str) -> str | None:
        texts = self._kept.texts.get((field, text))
        return texts.pop(0) if texts else None

    def secret(self, place: Place, value: Any) -> Any:
        values = self._kept.secrets.get(place, [])
        if value != MASK:
            if value in values:
                values.remove(value)
            return value
        if values:
            return values.pop(0)
        if not place.sure:
            return value
        raise BadRequestError(
            "nothing_to_keep",
            f"{place.field}: {place.name[:80]} is {MASK!r}, and no value of that name is kept",
            hint=f"{MASK!r} keeps the value that is there; send the value itself",
        )


class _Finding(Visitor):
    def __init__(self) -> None:
        self.found: dict[str, None] = {}

    def secret(self, place: Place, value: Any) -> Any:
        if isinstance(value, str):
            for name, part in _parts(place.name, value):
                if masked_in_text(name, part, given=True):
                    self.found[part] = None
        return value


def masked(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as they are shown: names, and MASK for each secret."""
    return _replaced(options, Visitor())


def restored(given: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """`given` with the value that `kept` has in the place of each MASK.

    BadRequestError `nothing_to_keep` names the place for which there is none.
    """
    known = _Kept()
    _replaced(kept, known)
    return _replaced(given, _Restoring(known))


def secrets_of(options: Mapping[str, Any]) -> list[str]:
    """What is masked in all that the agent's programs print."""
    finding = _Finding()
    _replaced(options, finding)
    return list(finding.found)


def _parts(name: str, value: str) -> Iterator[tuple[str, str]]:
    """A value and what in it is a secret by itself."""
    yield name, value
    yield name, unquote(value)
    if (scheme := _SCHEME.fullmatch(value)) is not None:
        yield name, scheme[2]
        if scheme[1].lower() == "basic":
            yield from _user_parts(_decoded(scheme[2]))
    if name.lower() in ("cookie", "set-cookie"):
        for pair in _COOKIE.finditer(value):
            yield "", pair[1]
            yield "cookie", pair[1]
    if name == _USER_PART:
        yield from _user_parts(unquote(value))
    if "\n" in value:
        for line in value.splitlines():
            if len(line) >= LONGEST_WORD and says_secret(name):
                yield name, line
    inner = _Inner()
    _looked_into(Place("", ""), value, inner)
    for place_name, part in inner.found:
        yield place_name, part
        yield place_name, unquote(part)
        if place_name == _USER_PART:
            yield from _user_parts(unquote(part))


class _Inner(Visitor):
    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []

    def secret(self, place: Place, value: Any) -> Any:
        if isinstance(value, str):
            self.found.append((place.name, value))
        return value


def _user_parts(user: str) -> Iterator[tuple[str, str]]:
    first, colon, second = user.partition(":")
    if colon:
        yield "password", second
        yield "", first
    else:
        yield "password", first


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


# --- where they stand ---------------------------------------------------------------------------

_USER_PART = "the user of a URL"


def _replaced(options: Mapping[str, Any], put: Visitor) -> dict[str, Any]:
    return {
        name: _value(name, value, put, whole=name == "env") if name in FIELDS else value
        for name, value in options.items()
    }


def _value(field: str, value: Any, put: Visitor, *, whole: bool = False, level: int = 0) -> Any:
    """`value` with every secret in it as `put` has it; `whole`: every text in it is one."""
    if level > _DEEPEST:
        return value
    if isinstance(value, Mapping):
        return {
            key: _named(field, key, item, put, whole=whole, level=level + 1)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return _list(field, value, put, whole=whole, level=level + 1)
    if not isinstance(value, str):
        return value
    return _text(Place(field, field), value, put)


def _named(field: str, key: str, value: Any, put: Visitor, *, whole: bool, level: int) -> Any:
    below = f"{field}.{key}"
    if isinstance(value, (Mapping, list)):
        return _value(below, value, put, whole=whole or bool(_WHOLE.fullmatch(key)), level=level)
    if whole or says_secret(key):
        if isinstance(value, str):
            return put.secret(Place(field, key), value) if value else value
        return (
            value
            if value is None or isinstance(value, bool)
            else put.secret(Place(field, key), value)
        )
    if not isinstance(value, str):
        return value
    return _text(Place(below, key), value, put)


def _list(field: str, values: list[Any], put: Visitor, *, whole: bool, level: int) -> list[Any]:
    made: list[Any] = []
    flag: str | None = None
    for value in values:
        if not isinstance(value, str):
            made.append(_value(field, value, put, whole=whole, level=level))
            flag = None
        elif flag is not None and not _FLAG.fullmatch(value):
            made.append(put.secret(Place(field, flag), value) if value else value)
            flag = None
        else:
            made.append(_text(Place(field, "an argument", sure=False), value, put))
            flag = value if _FLAG.fullmatch(value) and says_secret(value) else None
    return made


def _text(place: Place, text: str, put: Visitor) -> str:
    """A text of which only a part may be secret."""
    whole = put.text(place.field, text)
    return _looked_into(place, text, put) if whole is None else whole


def _looked_into(place: Place, text: str, put: Visitor) -> str:
    if text == MASK:
        return str(put.secret(Place(place.field, "a key", sure=False), text))
    if text[:1] in ("{", "["):
        try:
            inner = json.loads(text)
        except (ValueError, RecursionError):
            inner = None
        if isinstance(inner, (dict, list)):
            made = _value(f"{place.field} (JSON)", inner, put)
            return text if made == inner else json.dumps(made, ensure_ascii=False)
    pair = _PAIR.fullmatch(text)
    if pair is not None and not pair[3].startswith("//"):
        name, value = pair[1], pair[3]
        given = _VARIABLE.fullmatch(name) is not None or (pair[2] != "=" and "-" in name[1:])
        if says_secret(name) or (given and (value == MASK or is_opaque(value))):
            return f"{name}{pair[2]}{put.secret(Place(place.field, name), value)}"
    text = _URL.sub(lambda found: _url(place.field, found[0], put), text)
    for start, end in reversed(keys_in(text)):
        key = put.secret(Place(place.field, "a key", sure=False), text[start:end])
        text = f"{text[:start]}{key}{text[end:]}"
    return text


def _url(field: str, url: str, put: Visitor) -> str:
    def user(found: re.Match[str]) -> str:
        return f"://{put.secret(Place(field, _USER_PART), found[1])}@"

    def parameter(found: re.Match[str]) -> str:
        name, value = unquote_plus(found[1]), found[2]
        sure = says_secret(name)
        if not (sure or value == MASK or is_opaque(unquote_plus(value))):
            return found[0]
        return f"{found[0][0]}{found[1]}={put.secret(Place(field, name, sure=sure), value)}"

    def segment(found: re.Match[str]) -> str:
        value = found[0]
        if value == MASK or _is_opaque_segment(value):
            value = str(put.secret(Place(field, "a part of a URL", sure=False), value))
        return value

    end = min(at for at in (url.find("?"), url.find("#"), len(url)) if at >= 0)
    head, tail = url[:end], url[end:]
    scheme, _, rest = head.partition("://")
    host, slash, path = rest.partition("/")
    head = _USER.sub(user, f"{scheme}://{host}/")[: None if slash else -1]
    if slash:
        head += _SEGMENT.sub(segment, f"/{path}")[1:]
    return head + _PARAMETER.sub(parameter, tail)


def _is_opaque_segment(segment: str) -> bool:
    """True for a part of a path that has letters and digits in one piece of some length."""
    return len(segment) >= LONGEST_WORD and any(
        len(piece) >= SHORTEST_SECRET
        and any(c.isdigit() for c in piece)
        and any(c.isalpha() for c in piece)
        for piece in re.split(r"[._~-]", segment)
    )
