"""One stream of several conversations and logs, cut at random, that goes on with its cursor."""

from __future__ import annotations

import itertools
import json
import random
import signal
import tempfile
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import Service
from tests.helpers.frames import blocks, data_of, replayed
from tests.helpers.world import Table, make_service

AGENTS = ("one", "two", "three")


class Page:
    """What a page has read: each conversation's durable events as bytes, and its cursor."""

    def __init__(self) -> None:
        self.cursor = ""
        self.events: dict[str, list[bytes]] = defaultdict(list)
        self.logs: dict[str, list[int]] = defaultdict(list)

    def take(self, block: bytes) -> bool:
        """Note a frame; True for one that some log keeps."""
        if not block.startswith(b"id: "):
            return False
        self.cursor = block[4 : block.index(b"\n")].decode()
        data = data_of(block)
        if data["type"] == "stream.opened":
            return False
        rest = block[block.index(b"\n") + 1 :]
        if "feed" in data:
            self.logs[data["feed"]].append(data["seq"])
        else:
            self.events[data["conversationId"]].append(rest)
        return True


def read(service: Service, page: Page, params: dict[str, str], count: int, wait: float) -> int:
    """Read up to `count` kept frames on one stream, then cut it; how many there were."""
    found = 0
    asked: dict[str, Any] = dict(params)
    if page.cursor:
        asked["cursor"] = page.cursor
    try:
        with (
            service.client() as client,
            client.stream("GET", "/stream", params=asked, timeout=wait) as response,
        ):
            assert response.status_code == 200, response.read()
            for block in blocks(response):
                found += page.take(block)
                if found >= count:
                    break
    except httpx.TransportError:
        pass
    return found


def page_cuts(table: Table, count: int, seed: int) -> None:
    """Cut the stream of three agents at work, `count` times; restart the service now and then."""
    chance = random.Random(seed)
    restarts = made = 0
    page = Page()
    with tempfile.TemporaryDirectory(prefix="chaos") as name:
        service = make_service(Path(name))
        service.start()
        for agent in AGENTS:
            service.register(agent)
        params = {"agents": ",".join(AGENTS), "feeds": "agents,approvals,fallback,health"}
        read(service, page, params, 1, 0.3)

        def work(agent: str, steps: int) -> None:
            script = [
                {"tool": "Bash", "input": {"n": n}, "output": "x\u2028\r\n" * (n % 50)}
                for n in range(steps)
            ]
            with service.client() as client:
                body = {"prompt": json.dumps([*script, {"text": "done"}])}
                client.post(f"/agents/{agent}/execute", json=body, timeout=300)
                reason = {"agentId": agent, "reason": "chaos", "expiresMs": 60_000}
                client.post("/api/fallback/agent/force", json={**reason, "mode": "headless"})

        threads = [threading.Thread(target=work, args=(agent, count)) for agent in AGENTS]
        for thread in threads:
            thread.start()
        while made < count // 2:
            read(service, page, params, chance.randint(1, 9), 5)
            made += 1
        for thread in threads:
            thread.join()
        while made < count * 3:
            if made % max(1, count // 5) == 0:
                service.restart(chance.choice([signal.SIGKILL, signal.SIGTERM]))
                restarts += 1
            if not read(service, page, params, chance.randint(1, 11), 1) and made >= count:
                break
            made += 1
        with service.client() as client:
            whole = {}
            for conversation in client.get("/conversations").json()["conversations"]:
                own, last = conversation["conversationId"], conversation["lastEventSeq"]
                frames = replayed(client, own, last)
                whole[own] = [frame[frame.index(b"\n") + 1 :] for frame in frames]
            audit = client.get("/api/fallback/audit").json()["entries"]
        service.stop()
    seqs = {own: [data_of(frame)["seq"] for frame in frames] for own, frames in page.events.items()}
    gaps = sum(b - a > 1 for own in seqs.values() for a, b in itertools.pairwise(own))
    twice = sum(len(own) - len(set(own)) for own in seqs.values())
    table.row("one stream cut at random and resumed: cuts", made, f">= {count}", ok=made >= count)
    events = sum(map(len, page.events.values()))
    table.row("  conversations, events, restarts", f"{len(page.events)}, {events}, {restarts}")
    table.row("  gaps", gaps, "0", ok=gaps == 0)
    table.row("  duplicates", twice, "0", ok=twice == 0)
    same = dict(page.events) == {own: frames for own, frames in whole.items() if frames}
    table.row("  byte for byte what each conversation replays", same, "True", ok=same)
    logged = sorted(page.logs["fallback"]) == sorted(entry["seq"] for entry in audit)
    table.row("  the log of fallback, entry for entry", logged, "True", ok=logged)
