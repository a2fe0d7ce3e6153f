"""A record and its row come from one declaration: the record's fields."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated, Any

import msgspec
import pytest

from conversation_store import free_json, records
from conversation_store.records import NOT_STORED, RunOutcome, ended
from conversation_store.sqlite import rows
from conversation_store.sqlite.migrate import migrate
from conversation_store.sqlite.rows import Rows, columns, expand
from conversation_store.states import RunState
from tests.helpers.rows import LATER, NOW, new_run

TABLES: dict[str, tuple[type[msgspec.Struct], set[str]]] = {
    "agents": (records.AgentRecord, {"deleted_at"}),
    "conversations": (records.ConversationRecord, set()),
    "runs": (records.RunRecord, {"idempotency_key", "epoch"}),
    "turns": (records.TurnRecord, {"previous_seq"}),
    "events": (records.StoredEvent, {"size"}),
    "processes": (records.ProcessRecord, set()),
    "breakers": (records.CircuitRecord, set()),
    "approvals": (records.ApprovalRecord, set()),
    "approval_events": (records.ApprovalEventRecord, set()),
    "toggles": (records.ToggleRecord, set()),
    "toggle_events": (records.ToggleEventRecord, set()),
    "comparisons": (records.ComparisonRecord, {"primary_body", "mirror_body"}),
    "tickets": (records.TicketRecord, {"idempotency_key"}),
}


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        yield connection


@pytest.mark.parametrize("table", TABLES)
def test_a_column_is_a_field(database: sqlite3.Connection, table: str) -> None:
    record, other = TABLES[table]
    found = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
    assert found == {*columns(record)} | other


def test_what_is_accepted_and_how_it_ends_are_of_the_run() -> None:
    whole = {*columns(records.RunRecord)}
    assert {*columns(records.RunEnd)} < whole < {*columns(records.NewRun)}
    assert {*columns(records.RunEnd)} < {*columns(records.RunOutcome)}


def test_a_run_that_ended_is_the_run_with_its_end() -> None:
    run = new_run(metadata={"of": "the request"}, route={"source": "request"})
    outcome = RunOutcome(state=RunState.SUCCEEDED, answer="yes", metadata={"turns": 1})
    record = ended(run, outcome, finished_at=LATER, form="warm")
    assert type(record) is records.RunRecord
    assert (record.state, record.metadata) == (RunState.SUCCEEDED, {"turns": 1})
    assert (record.route, record.queued_at) == ({"source": "request"}, NOW)
    assert (record.form, record.finished_at, record.duration_ms) == ("warm", LATER, 0)


class Part(msgspec.Struct):
    """What a column of JSON may hold."""

    name: str


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A field of each kind."""

    text: str
    number: float | None
    flag: bool
    state: RunState | None
    free: dict[str, Any] | None
    words: list[str]
    parts: list[Part]
    part: Part | None
    told: Annotated[str | None, NOT_STORED] = None


FULL = Sample(
    text="{", number=1.5, flag=True, state=RunState.QUEUED, free={"é": [1]},
    words=["a"], parts=[Part("b")], part=Part("c"),
)  # fmt: skip
EMPTY = Sample(
    text="", number=None, flag=False, state=None, free=None, words=[], parts=[], part=None
)


@pytest.mark.parametrize("sample", [FULL, EMPTY])
def test_a_record_comes_back_from_its_row(
    sample: Sample, database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "Sample", Sample, raising=False)
    mapped = Rows(Sample)
    database.execute(f"CREATE TABLE samples ({', '.join(mapped.columns)})")
    statement = expand("INSERT INTO samples ({Sample}) VALUES ({:Sample})")
    database.execute(statement, mapped.parameters(sample))
    (row,) = database.execute(expand("SELECT {Sample} FROM samples")).fetchall()
    assert "told" not in mapped.columns
    assert {type(value) for value in row} <= {str, int, float, type(None)}
    assert mapped.record(row) == sample


def test_text_may_be_kept_in_ascii() -> None:
    assert not Rows(Sample).parameters(FULL)["free"].isascii()
    sample = msgspec.structs.replace(FULL, parts=[], part=None)
    assert Rows(Sample, free_json.encode_ascii).parameters(sample)["free"] == '{"\\u00e9":[1]}'


def test_an_object_that_cannot_be_read_is_said_to_be_so() -> None:
    row = ("x", 1.0, 1, None, "[1]", "[]", "[]", None)
    assert Rows(Sample).record(row).free == {"unreadable": "it is no object"}


def test_statements_are_made_of_names_of_fields_alone() -> None:
    assert expand("SET {ToggleEventRecord=excluded}").startswith("SET seq = excluded.seq, ")
    assert expand("SET {StoredEvent=}").startswith("SET conversation_id = :conversation_id, ")
    for record in vars(records).values():
        if isinstance(record, type) and issubclass(record, msgspec.Struct):
            assert all(re.fullmatch("[a-z_0-9]+", name) for name in columns(record))
    with pytest.raises(AttributeError):
        rows.expand("SELECT {Nothing}")
