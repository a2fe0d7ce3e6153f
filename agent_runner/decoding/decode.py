"""The lines of a CLI's stdout to typed messages, strictly and then tolerantly.

No I/O, never raises. `Family.strict` takes a line straight to the type that its tag names, if
it fits that in every field. What does not is read by `Family.read`, which finds any number of
parts in a line:

    a Struct      a known message; unknown fields, and fields of another type, are left out and
                  counted
    Unrecognised  a JSON object of a type that no schema knows
    Broken        text, an object that is damaged, or one of a known type that cannot be made to fit

Broken and Unrecognised keep their part as text, so that nothing a CLI says is lost to view.
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import msgspec

from agent_runner import quoting
from agent_runner.decoding.fields import DRIFT_NAMES, Drift, Line, OpenLine, Plan, drop
from agent_runner.decoding.fragment import scalars
from agent_runner.decoding.salvage import MOST_LEVELS, clean, parts

__all__ = ["DRIFT_NAMES", "Drift", "Line", "OpenLine"]

RAW_LIMIT = 64 * 1024
"""Most characters of a line that an event shows; the run's raw log has all of it."""

_BLANKS = b"\xef\xbb\xbf \t\r\n"
_MOST_DROPS = 20

UNDECODABLE = (msgspec.DecodeError, ValueError, OverflowError, RecursionError)
"""What decoding foreign bytes may raise."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


class Unrecognised(msgspec.Struct, frozen=True):
    """A well-formed message whose type is new to us; `source_type` is the CLI's word."""

    source_type: str
    raw: str


class Broken(msgspec.Struct, frozen=True):
    """Something that is no message."""

    error: str
    raw: str


class Part(msgspec.Struct, frozen=True):
    """A part of a line: its outcome and its bytes.

    Of a damaged object `damage` says what is wrong; `message` then holds as much of it as can be
    told, or None.
    """

    message: Any
    raw: bytes
    damage: Broken | None = None


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
        return _decode(line)
    except UNDECODABLE as first:
        error: Exception = first
        stripped = line.strip(_BLANKS)
        if not stripped:
            return None
        if len(stripped) != len(line):
            try:
                return _decode(stripped)
            except UNDECODABLE as second:
                error = second
        return Broken(_explain(error), shown(line))


def objects(
    line: bytes, is_message: Callable[[dict[str, Any]], bool] = lambda _: True
) -> Iterator[tuple[dict[str, Any] | None, bytes, Broken | None]]:
    """The parts of a line: an object, its bytes, and what is wrong where it is no whole one.

    A blank line has none. `is_message` as in `salvage.pieces`.
    """
    first = decode_object(line)
    if isinstance(first, dict):
        yield first, line, None
    elif first is not None:
        found = parts(line.strip(_BLANKS), is_message)
        if not found:
            yield None, line, first
        for piece in found:
            raw = line if len(found) == 1 else piece.raw
            broken = None if piece.whole else Broken(first.error, shown(raw))
            yield piece.data, raw, broken


class Schema:
    """One message type: fits a message into it, and counts what had to be left out."""

    __slots__ = ("_decoder", "_plan", "name", "type")

    def __init__(self, name: str, type_: type[Line]) -> None:
        self.name = name
        self.type = type_
        self._decoder: Callable[[Any], Any] | None = None
        self._plan: Plan | None = None

    def strict(self, line: bytes | msgspec.Raw) -> Any:
        """A `type` instance. Raises what msgspec raises."""
        if self._decoder is None:
            self._decoder = msgspec.json.Decoder(self.type).decode
        return self._decoder(line)

    def convert(self, data: dict[str, Any], drift: Drift, *, exact: bool = False) -> Any:
        """A `type` instance of what fits in `data`, which is changed.

        Raises what msgspec raises if too much of it does not fit; if anything but unknown fields
        does not, when it has to be `exact`.
        """
        if self._plan is None:
            self._plan = Plan.of(self.type)
        self._plan.prune(self.name, data, drift)
        try:
            return msgspec.convert(data, self.type)
        except msgspec.ValidationError:
            if exact:
                raise
        data = clean(data)
        for _ in range(_MOST_DROPS):
            try:
                return self.strict(_encode(data))
            except msgspec.ValidationError as error:
                if not drop(self.name, data, error, drift):
                    raise
        return self.strict(_encode(data))


class Family:
    """The messages of one CLI dialect, told apart by `type` and perhaps `subtype`.

    `types` maps a name to a schema type, or to a further table keyed by the subtype. A type
    that declares its tag (`tag_field` and `tag`) is decoded in one pass, any other in two, and
    needs the tag among its fields. `ends` are the types that end a turn. In an `exact` family
    nothing but unknown fields is ever left out.
    """

    def __init__(
        self,
        types: Mapping[str, type[Line] | Mapping[str, type[Line]]],
        *,
        tag: str = "type",
        subtag: str = "subtype",
        prefix: str = "",
        ends: Collection[str] = (),
        exact: bool = False,
    ) -> None:
        self._tag = tag
        self._exact = exact
        self._table: dict[str, Schema | tuple[str, dict[str, Schema]]] = {}
        for name, entry in types.items():
            if isinstance(entry, Mapping):
                inner = {sub: Schema(f"{prefix}{name}/{sub}", kind) for sub, kind in entry.items()}
                self._table[name] = (subtag, inner)
            else:
                self._table[name] = Schema(prefix + name, entry)
        self._ends = frozenset(ends)
        words = "|".join(map(quoting.regex, ends)) or "(?!)"
        self._ended = re.compile(rf'(?<!\\)"{tag}"\s*:\s*"({words})"'.encode())
        self._heads: dict[type, Schema | tuple[str, dict[str, Schema]]] = {}

    @functools.cached_property
    def first(self) -> Callable[[Any], Any]:
        """Decodes a line of a type that declares its tag; of another, something that none is.

        Raises what msgspec raises.
        """
        return self._make_first()

    def __contains__(self, name: object) -> bool:
        return name in self._table

    def schemas(self) -> Iterator[Schema]:
        """Every schema of the family."""
        for entry in self._table.values():
            if isinstance(entry, Schema):
                yield entry
            else:
                yield from entry[1].values()

    def strict(self, line: bytes | msgspec.Raw) -> Any:
        """The message, if the line is one and fits its schema in every field; else None."""
        try:
            message = self.first(line)
            entry = self._heads.get(type(message))
            if entry is None:
                return message
            if type(entry) is tuple:
                entry = entry[1][message.subtag]
            return entry.strict(line)  # type: ignore[union-attr]
        except (*UNDECODABLE, KeyError, TypeError):
            return None

    def read(self, line: bytes, drift: Drift) -> list[Part]:
        """What there is in a line that is not `strict`; nothing, if it is blank."""
        parts = []
        for data, raw, broken in objects(line, self._is_message):
            if broken is None:
                assert data is not None
                parts.append(Part(self.convert(data, drift, raw), raw))
            else:
                parts.append(Part(self._known(data or {}, raw), raw, broken))
        return parts

    def convert(self, data: dict[str, Any], drift: Drift, line: bytes) -> Any:
        """The outcome of an object that is decoded already, and is changed; `line` is shown."""
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
            return entry.convert(data, drift, exact=self._exact)
        except UNDECODABLE as error:
            return Broken(f"{entry.name}: {_explain(error)}", shown(line))

    def _is_message(self, data: dict[str, Any]) -> bool:
        name = data.get(self._tag)
        return type(name) is str and name in self._table

    def seen_end(self, line: bytes) -> dict[str, Any] | None:
        """What can be seen of the end of a turn in an object that is no longer to be read."""
        found = self._ended.search(line)
        return None if found is None else {**scalars(line), self._tag: found[1].decode()}

    def _known(self, data: dict[str, Any], raw: bytes) -> Any:
        """As much as can be told of a damaged object; None if that is not even its type."""
        name = data.get(self._tag)
        if type(name) is not str or name not in self._table or name in self._ends:
            seen = self.seen_end(raw)
            if seen is not None:
                data = seen | {key: value for key, value in data.items() if value is not None}
                data[self._tag] = seen[self._tag]
        message = self.convert(data, Drift(), raw)
        return message if isinstance(message, Line) else None

    def _make_first(self) -> Callable[[Any], Any]:
        """A decoder that tells the types apart, and takes those at once that declare their tag."""
        kinds: list[type] = []
        for name, entry in self._table.items():
            if isinstance(entry, Schema):
                config = entry.type.__struct_config__
                if (config.tag_field, config.tag) == (self._tag, name):
                    kinds.append(entry.type)
                    continue
                fields: list[tuple[str, Any, Any]] = []
                rename = None
            else:
                fields = [("subtag", Any, None)]
                rename = {"subtag": entry[0]}
            head = msgspec.defstruct(
                "Head", fields, tag_field=self._tag, tag=name, rename=rename, gc=False
            )
            kinds.append(head)
            self._heads[head] = entry
        return msgspec.json.Decoder(functools.reduce(operator.or_, kinds)).decode


def plain(value: Any, depth: int = 0) -> Any:
    """`value` such that any JSON encoder and any database takes it; itself, if it is that.

    Foreign JSON may hold integers beyond 64 bits (kept as text) and nesting that decodes
    here and overflows an encoder elsewhere (cut at MOST_LEVELS levels).
    """
    kind = type(value)
    if kind is dict or kind is list:
        if depth >= MOST_LEVELS:
            return "[nested too deeply]"
        if kind is list:
            return [plain(item, depth + 1) for item in value]
        for item in value.values():
            if type(item) is not str:
                return {key: plain(item, depth + 1) for key, item in value.items()}
        return value
    if kind is int and not -(2**63) <= value < 2**63:
        return str(value) if abs(value) < 10**4000 else "[a huge number]"
    return value


def whole(value: float | None) -> int | None:
    """A count or a duration as an integer; None for none, or beyond what JSON holds exactly."""
    if value is None or not -(2**53) < value < 2**53:
        return None
    return round(value)


def _explain(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 at byte {error.start}"
    return str(error)[:300]
