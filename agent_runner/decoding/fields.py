"""What the fields of a schema type are, so that a message can be made to fit it. No I/O."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import msgspec

from agent_runner.decoding.fit import fit

DRIFT_NAMES = 200
"""Most distinct names a `Drift` keeps; the rest are counted under `(other)`."""

_PLACE = re.compile(r" - at (?:`key` in )?`\$(.*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")


class Line(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Base of every schema. It declares all its fields, so that a new one is seen as drift."""


class OpenLine(Line, forbid_unknown_fields=False):
    """A schema of which we declare only what we read: its other fields are no drift."""


class Drift(Counter[str]):
    """Counts of fields and values that the schemas do not know: `result.new_field`.

    `lost` has why each part of a message was left out that may have told of a deed, a content
    block say: whoever reads the messages tells of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lost: list[str] = []

    def note(self, name: str) -> None:
        """Count one sighting of `name`; bounded however inventive the CLI is."""
        name = name[:120]
        self[name if name in self or len(self) < DRIFT_NAMES else "(other)"] += 1


class Plan:
    """Which keys a schema type declares (None: all are welcome), and where to look deeper."""

    __slots__ = ("children", "known")

    _made: dict[type[Line], Plan] = {}  # noqa: RUF012 - made when a type is first met

    def __init__(self, known: frozenset[str] | None, children: list[tuple[str, Plan]]) -> None:
        self.known = known
        self.children = children

    @classmethod
    def of(cls, type_: type[Line]) -> Plan:
        """The plan of a schema type, made once."""
        plan = cls._made.get(type_)
        if plan is None:
            info = msgspec.inspect.type_info(type_)
            assert isinstance(info, msgspec.inspect.StructType)
            declared = {field.encode_name for field in info.fields}
            if info.tag_field is not None:
                declared.add(info.tag_field)
            known = frozenset(declared) if info.forbid_unknown_fields else None
            plan = cls._made[type_] = cls(known, [])
            for field in info.fields:
                inner = _struct_within(field.type)
                if inner is not None:
                    plan.children.append((field.encode_name, cls.of(inner)))
        return plan

    def prune(self, name: str, data: dict[str, Any], drift: Drift) -> None:
        """Take out of `data` what no schema declares, at every level, and count it."""
        if self.known is not None and not data.keys() <= self.known:
            for key in data.keys() - self.known:
                drift.note(f"{name}.{key}")
                del data[key]
        for key, plan in self.children:
            value = data.get(key)
            if type(value) is dict:
                plan.prune(f"{name}.{key}", value, drift)
            elif type(value) is list:
                for item in value:
                    if type(item) is dict:
                        plan.prune(f"{name}.{key}", item, drift)


def drop(name: str, data: dict[str, Any], error: msgspec.ValidationError, drift: Drift) -> bool:
    """Mend what `error` is about, or take it out of `data`, and count it; False if it is all of it.

    What says the same in another type is mended (`agent_runner.decoding.fit`). Else a field goes
    alone. An object that lacks a field goes whole, and so does an item of a list: what it was is
    `lost`.
    """
    text = str(error)
    found = _PLACE.search(text)
    path = "" if found is None else found[1].partition("[...]")[0]
    steps: list[str | int] = [word or int(number) for word, number in _STEP.findall(path)]
    if not steps:
        return False
    holder: Any = data
    for step in steps[:-1]:
        holder = holder[step]
    drift.note(name + "".join(f".{step}" for step in steps if isinstance(step, str)))
    if fit(holder, steps[-1], text):
        return True
    del holder[steps[-1]]
    if isinstance(steps[-1], int) or "missing required field" in text:
        drift.lost.append(f"{name}: {text[:300]}")
    return True


def _struct_within(info: msgspec.inspect.Type) -> type[Line] | None:
    """The schema type in a field of type X, X | None or list[X] (| str | None)."""
    if isinstance(info, msgspec.inspect.StructType):
        return info.cls if issubclass(info.cls, Line) else None
    if isinstance(info, msgspec.inspect.ListType):
        return _struct_within(info.item_type)
    if isinstance(info, msgspec.inspect.UnionType):
        for option in info.types:
            found = _struct_within(option)
            if found is not None:
                return found
    return None
