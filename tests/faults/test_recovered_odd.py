"""Whatever stands where a raw log should, the service starts and the run has its end."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from agent_runner.runs.printed import Printing
from tests.conftest import Script, Service, Serving
from tests.faults.test_recovered import Watched, history
from tests.helpers.trial import wait_until
from tests.runs.test_service import add_agent, start


def _nothing(path: Path, elsewhere: Path) -> None:
    path.write_bytes(b"")


def _gone(path: Path, elsewhere: Path) -> None:
    path.unlink()


def _nuls(path: Path, elsewhere: Path) -> None:
    path.write_bytes(bytes(1 << 20))


def _noise(path: Path, elsewhere: Path) -> None:
    path.write_bytes(bytes(range(256)) * 9000)


def _deep(path: Path, elsewhere: Path) -> None:
    path.write_bytes(b'{"type":"assistant","message":' + b"[" * 200_000 + b"\n")


def _of_another_cli(path: Path, elsewhere: Path) -> None:
    path.write_bytes(b'{"type":"completion","finalText":"hi"}\n{"jsonrpc":"2.0","id":1}\n' * 99)


def _fifo(path: Path, elsewhere: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path, elsewhere: Path) -> None:
    path.unlink()
    path.mkdir()


def _link(path: Path, elsewhere: Path) -> None:
    path.unlink()
    path.symlink_to(elsewhere)


def _unreadable(path: Path, elsewhere: Path) -> None:
    path.chmod(0)


@pytest.mark.parametrize(
    "spoil",
    [_nothing, _gone, _nuls, _noise, _deep, _of_another_cli, _fifo, _folder, _link, _unreadable],
)
def test_a_spoilt_log_keeps_nothing_from_its_start(
    make_service: Callable[..., Service],
    tmp_path: Path,
    spoil: Callable[[Path, Path], None],
) -> None:
    service, begun, elsewhere = make_service(), tmp_path / "begun", tmp_path / "elsewhere"
    other = '{"type":"assistant","message":{"content":[{"type":"text","text":"of others"}]}}\n'
    elsewhere.write_text(other)
    service.register()
    steps: Script = [{"text": "Well."}, {"touch": str(begun)}, {"hang": True}]
    watched = Watched(service, steps)
    raw = service.state_dir / "raw"
    # The CLI may be further than the service, which makes the log beside its first lines.
    wait_until(lambda: begun.exists() and any(raw.glob("*.stdout")))
    service.process.kill()
    watched.over()
    (log,) = raw.glob("*.stdout")
    spoil(log, elsewhere)
    service.restart()
    run, events, _ = history(service)
    assert (run["status"], run["code"]) == ("interrupted", "interrupted")
    assert [e["type"] for e in events].count("run.finished") == 1
    assert "of others" not in str(events)
    assert elsewhere.read_text() == other


@pytest.mark.anyio
async def test_a_fault_in_reading_keeps_nothing_from_its_start(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Printing) -> None:
        raise RuntimeError("not foreseen")

    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, [{"touch": str(tmp_path / "begun")}, {"hang": True}])
        with anyio.fail_after(20):
            while not (tmp_path / "begun").exists():
                await anyio.sleep(0.005)
        # As a killed service leaves it: open in the store.
        monkeypatch.setattr(context.store.runs, "finish", _never)
        run_id = active.run_id
    monkeypatch.setattr(Printing, "protocol", fail)
    async with serving() as context:
        assert (await context.store.runs.get(run_id)).state == "interrupted"


async def _never(*given: object, **more: object) -> None:
    return None
