"""A stream that is cut at random and goes on with Last-Event-ID, across restarts."""

from __future__ import annotations

import itertools
import json
import random
import signal
import tempfile
from pathlib import Path

import httpx

from tests.conftest import Service
from tests.helpers.frames import blocks, data_of, seq_of
from tests.helpers.world import Table, make_service


def _numbered(response: httpx.Response) -> list[bytes]:
    return [block for block in blocks(response) if seq_of(block) is not None]


def _read(service: Service, conversation: str, after: int, count: int, last: int) -> list[bytes]:
    got: list[bytes] = []
    headers = {"Last-Event-ID": str(after)} if after else {}
    with (
        service.client(**headers) as client,
        client.stream("GET", f"/conversations/{conversation}/events") as response,
    ):
        for block in blocks(response):
            if (seq := seq_of(block)) is None:
                continue
            got.append(block)
            if len(got) == count or seq == last:
                break
    return got


def cuts(table: Table, count: int, seed: int) -> None:
    """Cut a replayed stream `count` times; restart the service now and then."""
    chance = random.Random(seed)
    restarts = 0
    with tempfile.TemporaryDirectory(prefix="chaos") as name:
        service = make_service(Path(name))
        service.start()
        service.register()
        script = [
            {"tool": "Bash", "input": {"n": n}, "output": "x\u2028\r\n" * chance.randint(1, 200)}
            for n in range(count * 4)
        ]
        body = {"prompt": json.dumps([*script, {"big": 300_000}])}
        with (
            service.client(Accept="text/event-stream") as client,
            client.stream("POST", "/agents/worker/execute", json=body, timeout=300) as response,
        ):
            live = _numbered(response)
        conversation = str(data_of(live[0])["conversationId"])
        run = str(data_of(live[0])["runId"])
        # A reader that is too slow is let go: the whole is what the run's own stream has then.
        with service.client() as client, client.stream("GET", f"/runs/{run}/events") as response:
            whole = _numbered(response)
        last = seq_of(whole[-1])
        assert last is not None
        got: list[bytes] = []
        made = 0
        while len(got) < len(whole) and made < count * 4:
            if made % max(1, count // 10) == count // 20:
                service.restart(chance.choice([signal.SIGKILL, signal.SIGTERM]))
                restarts += 1
            after = seq_of(got[-1]) if got else 0
            got += _read(service, conversation, after or 0, chance.randint(1, 11), last)
            made += 1
        service.stop()
    seqs = [seq_of(block) or 0 for block in got]
    gaps = sum(b - a > 1 for a, b in itertools.pairwise(seqs))
    table.row("streams cut at random and resumed: cuts", made, f">= {count}", ok=made >= count)
    table.row("  events, restarts in between", f"{len(whole)}, {restarts}")
    table.row("  gaps", gaps, "0", ok=gaps == 0)
    table.row("  duplicates", len(seqs) - len(set(seqs)), "0", ok=len(seqs) == len(set(seqs)))
    same = got == whole and whole[: len(live)] == live
    table.row("  byte for byte what came live and uncut", same, "True", ok=same)
