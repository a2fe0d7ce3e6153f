"""A log that nobody reads holds nobody up."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from agent_runner.app import log_sink
from agent_runner.app.log_sink import LogSink
from tests.conftest import Service


def test_lines_come_out_in_order() -> None:
    read, write = os.pipe()
    with os.fdopen(read) as reader, os.fdopen(write, "w") as stream:
        sink = LogSink(stream)
        for number in range(100):
            sink.write(f"{number}\n")
        sink.close()
        stream.close()
        assert reader.read() == "".join(f"{number}\n" for number in range(100))


def test_a_reader_that_does_not_read_loses_lines_and_is_told() -> None:
    read, write = os.pipe()
    with os.fdopen(read) as reader, os.fdopen(write, "w") as stream:
        sink = LogSink(stream)
        line = "x" * 999 + "\n"
        for _ in range(log_sink.MAX_WAITING + 1000):
            sink.write(line)  # far more than a pipe takes: it would wait for ever
        (trouble,) = sink.troubles()
        assert trouble.code == "log_not_written"
        got: list[str] = []

        def take() -> None:
            got.extend(reader)

        taker = threading.Thread(target=take)
        taker.start()
        while not any(text.startswith("event=log_lines_lost") for text in got):
            sink.write("more\n")
        sink.close()
        stream.close()
        taker.join(10)
    assert got[0] == line


class FullDisk:
    """os.write on a disk that takes `room` bytes more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = 10**9
        self.error = errno.ENOSPC
        self._write = os.write
        self.failed = threading.Event()
        monkeypatch.setattr(os, "write", self.write)

    def write(self, descriptor: int, data: bytes) -> int:
        if not self.room:
            self.failed.set()
            raise OSError(self.error, os.strerror(self.error))
        written = self._write(descriptor, data[: self.room])
        self.room -= written
        return written


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EPIPE, errno.EIO])
def test_a_full_disk_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    monkeypatch.setattr(log_sink, "RETRY_S", 0.01)
    disk = FullDisk(monkeypatch)
    with open(tmp_path / "log", "w") as stream:
        sink = LogSink(stream)
        disk.error, disk.room = error, len("before\nha")
        sink.write("before\n")
        sink.write("half\n")
        sink.write("lost\n")
        while next(sink.troubles(), None) is None or next(sink.troubles()).count < 2:
            assert disk.failed.wait(10)
        (trouble,) = sink.troubles()
        assert trouble.detail == os.strerror(error)
        disk.room = 10**9
        while list(sink.troubles()):  # by itself: nothing more is logged
            assert disk.failed.wait(10)
        sink.write("after\n")
        sink.close()
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[:2] == ["before", "ha"]
    assert lines[2].startswith("event=log_lines_lost count=2 ")
    assert os.strerror(error) in lines[2]
    assert lines[3:] == ["after"]


def test_health_tells_of_a_full_disk_and_the_service_serves(
    make_service: Callable[..., Service],
) -> None:
    service = make_service()
    service.stop()
    with open("/dev/full", "w") as full:
        service.stderr = full
        service.start()
    with service.client() as client:
        health = client.get("/health")
        assert health.status_code == 200
        assert health.json()["status"] == "degraded"
        (trouble,) = health.json()["troubles"]
        assert trouble["code"] == "log_not_written"
        assert trouble["count"] >= 1
        assert trouble["detail"] == os.strerror(errno.ENOSPC)
        assert client.get("/ready").status_code == 200
        assert client.post("/agents/demo/execute", json={"prompt": "x"}).json()["success"]
