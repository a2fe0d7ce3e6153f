"""Faults 1 to 16: what a CLI prints that it should not."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Script, Service, Serving
from tests.helpers.trial import (
    CLAUDE,
    EVERY_WAY,
    GEMINI_ONCE,
    ONE_WAY_EACH,
    Trial,
    Way,
    suffer,
)

pytestmark = pytest.mark.anyio

FINE: Script = [{"text": "fine"}]


def is_fine(trial: Trial) -> None:
    """The fault cost the run nothing."""
    assert (trial.run.state, trial.run.code, trial.answer) == ("succeeded", None, "fine")


def raws(trial: Trial) -> list[str]:
    """The broken lines, as they are shown."""
    return [event["raw"] for event in trial.of("parse_error")]


@pytest.mark.fault(1)
@pytest.mark.parametrize("way", EVERY_WAY)
async def test_invalid_json(serving: Serving, tmp_path: Path, way: Way) -> None:
    broken = ["not json", '{"type":"result"', "{'single': 'quotes'}", '{"a":1,}']
    trial = await suffer(serving, tmp_path, way, [*({"line": line} for line in broken), *FINE])
    is_fine(trial)
    assert raws(trial) == broken


@pytest.mark.fault(2)
@pytest.mark.parametrize("way", EVERY_WAY)
async def test_line_cut_by_exit(serving: Serving, tmp_path: Path, way: Way) -> None:
    script: Script = [{"text": "almost"}, {"raw": '{"type":"resu'}, {"die": 0}]
    trial = await suffer(serving, tmp_path, way, script)
    assert (trial.run.state, trial.run.code) == ("failed", "no_result")
    assert raws(trial) == ['{"type":"resu']


@pytest.mark.fault(3)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_raw_nul(serving: Serving, tmp_path: Path, way: Way) -> None:
    trial = await suffer(serving, tmp_path, way, [{"raw": "\0\n"}, {"odd": "raw nul"}, *FINE])
    is_fine(trial)
    assert raws(trial) == ["\0"]
    assert [event["input"] for event in trial.of("tool.started")] == [{"value": "a\0b"}]
    assert trial.raw.count(b"\0") > 1


@pytest.mark.fault(4)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_escaped_nul(serving: Serving, tmp_path: Path, way: Way) -> None:
    trial = await suffer(serving, tmp_path, way, [{"odd": "nul"}, {"text": "fine\0"}])
    assert (trial.run.state, trial.answer) == ("succeeded", "fine\0")
    assert [event["input"] for event in trial.of("tool.started")] == [{"value": "a\0b"}]
    assert b"\0" not in trial.replayed
    assert b"a\\u0000b" in trial.replayed


@pytest.mark.fault(5)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_lone_surrogate(serving: Serving, tmp_path: Path, way: Way) -> None:
    script: Script = [{"odd": "surrogate"}, {"tool": "Bash", "output": "\ud800"}, *FINE]
    trial = await suffer(serving, tmp_path, way, script)
    is_fine(trial)
    assert raws(trial) == []
    odd, cut = trial.of("tool.completed")
    assert trial.of("tool.started")[0]["input"] == {"value": "\ufffd"}
    assert (odd["status"], cut["status"], cut["output"]) == ("completed", "completed", "\ufffd")
    assert b"\\ud800" in trial.raw


@pytest.mark.fault(6)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_torn_utf8(serving: Serving, tmp_path: Path, way: Way) -> None:
    """A character cut by the line's end is broken; one cut by two writes is whole."""
    script: Script = [
        {"raw": '{"type":"caf\u00c3\n'},
        {"raw": '{"type":"caf\u00c3"}\n'},
        {"raw": '{"type":"caf\u00c3'},
        {"raw": '\u00a9"}\n'},
        {"raw": "\u00ff\u00fe\u0080\n"},
        *FINE,
    ]
    trial = await suffer(serving, tmp_path, way, script)
    is_fine(trial)
    told = [event["raw"] for event in trial.of("parse_error", "unknown")]
    assert told == [
        '{"type":"caf\\xc3',
        '{"type":"caf\\xc3"}',
        '{"type":"café"}',
        "\\xff\\xfe\\x80",
    ]


MIB = 1 << 20
LONG_LINE = (1024 if os.environ.get("FULL_SIZE") else 100) * MIB


@pytest.mark.fault(7)
@pytest.mark.parametrize("way", [CLAUDE, GEMINI_ONCE], ids=["pipe", "file"])
def test_line_of_100_megabytes(make_service: Callable[..., Service], way: Way) -> None:
    """It costs no memory, is told with its length and hash, and lies in the raw log."""
    service = make_service(run_bytes=2 * LONG_LINE, **way.limits)
    service.register(type=way.agent_type)
    assert service.run("warm up").json()["success"]
    service.reset_peak()
    before = service.memory("VmRSS")
    run = service.run([{"long": LONG_LINE}, *FINE]).json()
    assert (run["success"], run["content"]) == (True, "fine")
    assert service.memory("VmHWM") - before <= 32 * MIB
    with service.client() as client:
        told = client.get(f"/runs/{run['runId']}/events").text
    oversize = json.loads(told.partition("event: oversize\ndata: ")[2].partition("\n")[0])
    assert oversize["lengthBytes"] == LONG_LINE
    log = service.state_dir / "raw" / f"{run['runId']}.stdout"
    with log.open("rb") as file:
        file.seek(oversize["rawOffset"])
        digest = hashlib.sha256()
        for _ in range(LONG_LINE // MIB):
            digest.update(file.read(MIB))
        assert file.read(1) == b"\n"
    log.unlink()
    assert digest.hexdigest() == oversize["sha256"]


@pytest.mark.fault(8)
@pytest.mark.parametrize("way", EVERY_WAY)
async def test_output_that_never_ends_a_line(serving: Serving, tmp_path: Path, way: Way) -> None:
    trial = await suffer(
        serving,
        tmp_path,
        way,
        [{"unended": 2_000_000}, {"deaf": True}, {"hang": True}],
        timeout_ms=300,
        cut=True,
        cancel_grace_ms=100,
        line_bytes=100_000,
        run_bytes=1_000_000,
    )
    assert len(trial.notices("raw_log_full")) == 1
    assert [event["lengthBytes"] > 100_000 for event in trial.of("oversize")] == [True]
    assert trial.run.state == "timed_out" if trial.run.form == "warm" else not trial.answer


@pytest.mark.fault(9)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_line_of_70_kilobytes(serving: Serving, tmp_path: Path, way: Way) -> None:
    trial = await suffer(serving, tmp_path, way, [{"text": "x" * 70_000}])
    assert (trial.run.state, trial.answer) == ("succeeded", "x" * 70_000)


@pytest.mark.fault(10)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_deep_nesting(serving: Serving, tmp_path: Path, way: Way) -> None:
    script: Script = [{"odd": "nested"}, {"line": '{"a":' * 100_000}, *FINE]
    trial = await suffer(serving, tmp_path, way, script)
    is_fine(trial)
    assert len(raws(trial)) >= 2
    assert all(len(raw) < 70_000 for raw in raws(trial)), "an event shows the line's beginning"


@pytest.mark.fault(11)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_integer_of_5000_digits(serving: Serving, tmp_path: Path, way: Way) -> None:
    trial = await suffer(serving, tmp_path, way, [{"odd": "digits"}, *FINE])
    is_fine(trial)
    assert trial.of("parse_error") or trial.of("tool.started")
    assert b"1" * 5000 in trial.raw


@pytest.mark.fault(12)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_integer_above_2_to_63(serving: Serving, tmp_path: Path, way: Way) -> None:
    trial = await suffer(serving, tmp_path, way, [{"odd": "int64"}, *FINE])
    is_fine(trial)
    assert [event["input"] for event in trial.of("tool.started")] == [{"value": str(2**63)}]


@pytest.mark.fault(13)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
@pytest.mark.parametrize("kind", ["nan", "infinite"])
async def test_no_number(serving: Serving, tmp_path: Path, way: Way, kind: str) -> None:
    trial = await suffer(serving, tmp_path, way, [{"odd": kind}, *FINE])
    is_fine(trial)
    read, printed = ("NaN", b"NaN") if kind == "nan" else ("inf", b"1e999")
    assert raws(trial) == []
    assert [event["input"] for event in trial.of("tool.started")] == [{"value": read}]
    assert printed in trial.raw


@pytest.mark.fault(14)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_a_key_twice(serving: Serving, tmp_path: Path, way: Way) -> None:
    trial = await suffer(serving, tmp_path, way, [{"odd": "twice"}, *FINE])
    is_fine(trial)
    assert [event["input"] for event in trial.of("tool.started")] == [{"value": {"a": 2}}]
    assert b'{"a": 1, "a": 2}' in trial.raw


@pytest.mark.fault(15)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_lines_of_other_kinds(serving: Serving, tmp_path: Path, way: Way) -> None:
    broken = ["42", "null", '"text"', "[1]", "{}{}", '{"a":1} {"b":2}']
    objects = ["{}", "{}", '{"a":1}', '{"b":2}']
    script: Script = [
        {"raw": "\n\r\n \t \n"},
        {"raw": "\u00ef\u00bb\u00bf"},
        {"unknown": "type"},
        {"raw": " \t"},
        {"unknown": "type"},
        *({"line": line} for line in broken),
        {"line": '{"type":"crlf"}\r'},
        *FINE,
    ]
    trial = await suffer(serving, tmp_path, way, script)
    is_fine(trial)
    told = trial.of("parse_error", "unknown")
    assert [event["raw"] for event in told[2:10]] == broken[:4] + objects
    assert [event["type"] for event in told[:10]] == ["unknown"] * 2 + ["parse_error"] * 8
    assert told[10]["raw"] == '{"type":"crlf"}\r'
    assert len(told) == 11


@pytest.mark.fault(16)
@pytest.mark.parametrize("way", EVERY_WAY)
async def test_unknown_type_and_field(serving: Serving, tmp_path: Path, way: Way) -> None:
    trial = await suffer(serving, tmp_path, way, [{"unknown": "type"}, {"unknown": "field"}, *FINE])
    is_fine(trial)
    unknown = trial.of("unknown")
    assert ["brand_new" in event["sourceType"] for event in unknown] == [True]
    assert json.loads(unknown[0]["raw"])
    (drift,) = trial.notices("drift")
    names = drift["data"]
    assert len(names) == 2
    assert any(name.endswith(".novelty") for name in names)
    assert set(names.values()) == {1}
