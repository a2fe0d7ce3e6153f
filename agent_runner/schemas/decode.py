"""One line of a CLI's stdout to a typed message, tolerantly. No I/O, never raises.

A line has one of four outcomes:

    None          blank
    Broken        not a JSON object, or a known type whose fields do not fit
    Unrecognised  a JSON object of a type that no schema knows
    a Struct      a known message; unknown fields are dropped and counted

Broken and Unrecognised keep the line as text, so that nothing a CLI says is lost to view.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

RAW_LIMIT = 64 * 1024
"""Most characters of a line that an event shows; the run's raw log has all of it."""

DRIFT_NAMES = 200
"""Most distinct names a `Drift` keeps; the rest are counted under `(other)`."""

_MAX_DEPTH = 100

_UNDECODABLE = (msgspec.DecodeError, ValueError, OverflowError, RecursionError)
_decoder = msgspec.json.Decoder(dict[str, Any])


class Line(msgspec.Struct, kw_only=True):
    """Base of every schema: fields that are not declared are ignored."""


class OpenLine(Line):
    """A schema of which we declare only what we read: its other fields are no drift."""


class Unrecognised(msgspec.Struct, frozen=True):
    """A well-formed message whose type is new to us; `source_type` is the CLI's word."""

    source_type: str
    raw: str


class Broken(msgspec.Struct, frozen=True):
    """A line that is no message."""

    error: str
    raw: str


class Drift(Counter[str]):
    """Counts of fields and values that the schemas do not know: `result.new_field`."""

    def note(self, name: str) -> None:
        """Count one sighting of `name`; bounded however inventive the CLI is."""
        name = name[:120]
        self[name if name in self or len(self) < DRIFT_NAMES else "(other)"] += 1


def shown(line: bytes) -> str:
    """`line` as text, whatever its bytes, at most RAW_LIMIT characters and a note."""
    text = line[:RAW_LIMIT].decode("utf-8", "backslashreplace")[:RAW_LIMIT]
    if len(line) > RAW_LIMIT:
        text += f" [cut: {len(line)} bytes in all]"
    return text


def decode_object(line: bytes) -> dict[str, Any] | Broken | None:
    """The line's JSON object; Broken if it is anything else, None if it is blank.

    A byte order mark, a carriage return and blanks around the object are tolerated.
    Duplicate keys: the last wins.
    """
    try:
        return _decoder.decode(line)
    except _UNDECODABLE as first:
        error: Exception = first
        stripped = line.strip(b"\xef\xbb\xbf \t\r\n")
        if not stripped:
            return None
        if len(stripped) != len(line):
            try:
                return _decoder.decode(stripped)
            except _UNDECODABLE as second:
                error = second
        return Broken(_explain(error), shown(line))


class Schema:
    """One message type: converts, and counts what the type does not declare."""

    __slots__ = ("_plan", "_tags", "name", "type")

    def __init__(self, name: str, type_: type[Line], tags: Iterable[str] = ()) -> None:
        self.name = name
        self.type = type_
        self._tags = tags
        self._plan: _Plan | None = None

    def convert(self, data: Mapping[str, Any], drift: Drift) -> Any:
        """A `type` instance. Raises msgspec.ValidationError (or RecursionError)."""
        value = msgspec.convert(data, self.type)
        if self._plan is None:
            self._plan = _Plan.of(self.type).with_tags(self._tags)
        self._plan.count(self.name, data, drift)
        return value


class Family:
    """The messages of one CLI dialect, told apart by `type` and perhaps `subtype`.

    `types` maps a name to a schema type, or to a further table keyed by the subtype.
    """

    __slots__ = ("_table", "_tag")

    def __init__(
        self,
        types: Mapping[str, type[Line] | Mapping[str, type[Line]]],
        *,
        tag: str = "type",
        subtag: str = "subtype",
        prefix: str = "",
    ) -> None:
        self._tag = tag
        self._table: dict[str, Schema | tuple[str, dict[str, Schema]]] = {}
        for name, entry in types.items():
            if isinstance(entry, Mapping):
                inner = {
                    sub: Schema(f"{prefix}{name}/{sub}", kind, (tag, subtag))
                    for sub, kind in entry.items()
                }
                self._table[name] = (subtag, inner)
            else:
                self._table[name] = Schema(prefix + name, entry, (tag,))

    def schemas(self) -> Iterator[Schema]:
        """Every schema of the family."""
        for entry in self._table.values():
            if isinstance(entry, Schema):
                yield entry
            else:
                yield from entry[1].values()

    def decode(self, line: bytes, drift: Drift) -> Any:
        """A Line, Unrecognised, Broken or None, as the module says."""
        data = decode_object(line)
        if type(data) is not dict:
            return data
        return self.convert(data, drift, line)

    def convert(self, data: dict[str, Any], drift: Drift, line: bytes) -> Any:
        """As `decode`, from an object that is decoded already; `line` is for showing."""
        name = data.get(self._tag)
        entry = self._table.get(name) if type(name) is str else None
        if type(entry) is tuple:
            subtag, table = entry
            sub = data.get(subtag)
            entry = table.get(sub) if type(sub) is str else None
            name = f"{name}/{sub}"
        if type(entry) is not Schema:
            if type(name) is not str:
                return Broken(f"no `{self._tag}` in the object", shown(line))
            return Unrecognised(name[:120], shown(line))
        try:
            return entry.convert(data, drift)
        except _UNDECODABLE as error:
            return Broken(f"{entry.name}: {_explain(error)}", shown(line))


def plain(value: Any, depth: int = 0) -> Any:
    """`value` such that any JSON encoder and any database takes it.

    Foreign JSON may hold integers beyond 64 bits (kept as text) and nesting that decodes
    here and overflows an encoder elsewhere (cut at 100 levels).
    """
    kind = type(value)
    if kind is dict:
        if depth >= _MAX_DEPTH:
            return "[nested too deeply]"
        return {key: plain(item, depth + 1) for key, item in value.items()}
    if kind is list:
        if depth >= _MAX_DEPTH:
            return "[nested too deeply]"
        return [plain(item, depth + 1) for item in value]
    if kind is int and not -(2**63) <= value < 2**63:
        return str(value) if abs(value) < 10**4000 else "[a huge number]"
    return value


def whole(value: float | None) -> int | None:
    """A count or a duration as an integer; None for none, or beyond what JSON holds exactly."""
    if value is None or not -(2**53) < value < 2**53:
        return None
    return round(value)


class _Plan:
    """Which keys a schema type declares (None: all are welcome), and where to look deeper."""

    __slots__ = ("children", "known")

    _made: dict[type, _Plan] = {}  # noqa: RUF012 - made when a type is first met

    def __init__(self, known: frozenset[str] | None, children: list[tuple[str, _Plan]]) -> None:
        self.known = known
        self.children = children

    @classmethod
    def of(cls, type_: type) -> _Plan:
        plan = cls._made.get(type_)
        if plan is None:
            info = msgspec.inspect.type_info(type_)
            assert isinstance(info, msgspec.inspect.StructType)
            declared = frozenset(field.encode_name for field in info.fields)
            plan = cls._made[type_] = cls(None if issubclass(type_, OpenLine) else declared, [])
            for field in info.fields:
                inner = _struct_within(field.type)
                if inner is not None:
                    plan.children.append((field.encode_name, cls.of(inner)))
        return plan

    def with_tags(self, tags: Iterable[str]) -> _Plan:
        """The same where keys that tell types apart are known, too."""
        return _Plan(None if self.known is None else self.known.union(tags), self.children)

    def count(self, name: str, data: Mapping[str, Any], drift: Drift) -> None:
        if self.known is not None and not data.keys() <= self.known:
            for key in data.keys() - self.known:
                drift.note(f"{name}.{key}")
        for key, plan in self.children:
            value = data.get(key)
            if type(value) is dict:
                plan.count(f"{name}.{key}", value, drift)
            elif type(value) is list:
                for item in value:
                    if type(item) is dict:
                        plan.count(f"{name}.{key}", item, drift)


def _struct_within(info: msgspec.inspect.Type) -> type | None:
    """The schema type in a field of type X, X | None or list[X] (| str | None)."""
    if isinstance(info, msgspec.inspect.StructType):
        return info.cls
    if isinstance(info, msgspec.inspect.ListType):
        return _struct_within(info.item_type)
    if isinstance(info, msgspec.inspect.UnionType):
        for option in info.types:
            found = _struct_within(option)
            if found is not None:
                return found
    return None


def _explain(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 at byte {error.start}"
    return str(error)[:300]
