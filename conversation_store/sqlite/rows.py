"""Rows and records: a column has the name of the record's field.

A list, an object or a Struct is kept as JSON text. The only place that makes SQL of names, and it
makes it of names of fields alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from operator import attrgetter
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from conversation_store import free_json, records

R = TypeVar("R", bound=msgspec.Struct)
Row = tuple[Any, ...]

_PLAIN = (str, bytes, int, float)
_FIELDS = re.compile(r"\{(:?)(\w+)(?:=(\w*))?\}")


def columns(record: type[msgspec.Struct]) -> tuple[str, ...]:
    """The columns of a record: its fields, but for those that are NOT_STORED."""
    hints = get_type_hints(record, include_extras=True)
    return tuple(
        name
        for name in record.__struct_fields__
        if records.NOT_STORED not in getattr(hints[name], "__metadata__", ())
    )


def expand(sql: str) -> str:
    """`sql` with the columns of the records that it names.

    {RunRecord} is the list of the columns, {:RunRecord} that of their parameters; {RunEnd=} sets
    each to its parameter, and {RunEnd=excluded} to what could not be inserted.
    """

    def written(match: re.Match[str]) -> str:
        colon, name, source = match.groups()
        names = columns(getattr(records, name))
        if source is None:
            return ", ".join(colon + column for column in names)
        prefix = f"{source}." if source else ":"
        return ", ".join(f"{column} = {prefix}{column}" for column in names)

    return _FIELDS.sub(written, sql)


class Rows(Generic[R]):
    """Makes records of rows, and parameters of records."""

    def __init__(self, record: type[R], encode: Callable[[Any], str] = free_json.encode) -> None:
        self.columns = columns(record)
        self._record = record
        self._encode = encode
        hints = get_type_hints(record)
        self._decoders = {
            name: decode for name in self.columns if (decode := _decoder(hints[name])) is not None
        }
        self._values = attrgetter(*self.columns)
        self._json = [name for name in self.columns if _is_json(hints[name])]

    def record(self, row: Row) -> R:
        """The record of a row with the record's columns in their order."""
        values = dict(zip(self.columns, row, strict=True))
        for name, decode in self._decoders.items():
            if values[name] is not None:
                values[name] = decode(values[name])
        return self._record(**values)

    def parameters(self, record: R) -> dict[str, Any]:
        """The values of the columns by their names."""
        values = dict(zip(self.columns, self._values(record), strict=True))
        for name in self._json:
            if values[name] is not None:
                values[name] = self._encode(values[name])
        return values


def _kind(hint: Any) -> Any:
    """The type without the None that it may be besides."""
    kinds = [kind for kind in get_args(hint) if kind is not type(None)]
    return kinds[0] if len(kinds) == 1 < len(get_args(hint)) else hint


def _is_json(hint: Any) -> bool:
    kind = _kind(hint)
    return not (isinstance(kind, type) and issubclass(kind, _PLAIN))


def _decoder(hint: Any) -> Callable[[Any], Any] | None:
    """What makes a value of `hint` from that of the column; None if it is one."""
    kind = _kind(hint)
    if not _is_json(hint):
        return kind if issubclass(kind, StrEnum | bool) else None
    if get_origin(kind) is dict:
        return free_json.decode_object
    (part,) = get_args(kind) or (kind,)
    if isinstance(part, type) and issubclass(part, msgspec.Struct):
        return lambda text: msgspec.convert(free_json.decode(text), kind)
    return free_json.decode
