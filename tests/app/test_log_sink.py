"""A log that nobody reads holds nobody up."""

from __future__ import annotations

import os
import threading

from agent_runner.app import log_sink
from agent_runner.app.log_sink import LogSink


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
        got: list[str] = []

        def take() -> None:
            got.extend(reader)

        taker = threading.Thread(target=take)
        taker.start()
        while not any(text.startswith("event=log_lines_dropped") for text in got):
            sink.write("more\n")
        sink.close()
        stream.close()
        taker.join(10)
    assert got[0] == line
