"""Search and the last turns of a long history: a million turns beside a thousand.

The words of the turns are as frequent as those of a language: the commonest is in nearly every
turn, most are rare. What the index costs a commit is measured by commits alone and by the same
commits while somebody searches without a pause.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

from agent_runner import wire
from benchmarks.harness import (
    HERE,
    Connection,
    Service,
    columns,
    connected,
    heading,
    median,
    new_folder,
    quantile,
    row,
    service,
    verdict,
)
from conversation_store.records import NewRun, RunOutcome, SearchQuery
from conversation_store.sqlite.search_text import search_scope
from conversation_store.sqlite.store import Store, open_store
from conversation_store.states import RunState

MANY, FEW = 1_000_000, 1_000
SMALL_CONVERSATIONS = 20
WORDS, WORDS_OF_TURN = 20_000, 30
SEARCHES = 40
SEARCH_MS = 50.0
PAGES = 200
PAGE_RATIO = 2.0
COMMITS = 1_500
ROUNDS = 4
COMMIT_RATIO = 1.5
DAY = "2026-01-{:02}T00:00:00.000Z"
DATABASE = "agent-runner.db"


def word(number: int) -> str:
    """The word of this rank: the higher, the rarer."""
    return f"w{number:05}"


def texts(count: int) -> Iterator[str]:
    """Texts of words as they are frequent in languages, the same each time."""
    chance = random.Random(7)
    weights = list(itertools.accumulate(1 / (rank + 1) for rank in range(WORDS)))
    names = [word(rank) for rank in range(WORDS)]
    for _ in range(count):
        yield " ".join(chance.choices(names, cum_weights=weights, k=WORDS_OF_TURN))


async def add_agents(database: Path, names: Sequence[str]) -> None:
    """A new database with agents."""
    async with open_store(database) as store:
        for name in names:
            await store.agents.add(
                name,
                agent_type="claude-code",
                comm_mode="headless",
                options={"cwd": str(database.parent)},
                now=DAY.format(1),
            )


def fill(root: Path, many: int = MANY) -> None:
    """Write the history as the store would, in one transaction."""
    state = root / "state"
    state.mkdir(mode=0o700, exist_ok=True)
    asyncio.run(add_agents(state / DATABASE, ("many", "few")))
    conversations = [("conv_many", "many", many)]
    conversations += [(f"conv_few_{n}", "few", FEW) for n in range(SMALL_CONVERSATIONS)]
    said = texts(sum(count for *_, count in conversations))
    with sqlite3.connect(state / DATABASE) as connection:
        for name, agent, count in conversations:
            add_conversation(connection, name, agent, list(itertools.islice(said, count)))
    connection.close()


def add_conversation(
    connection: sqlite3.Connection, name: str, agent: str, said: list[str]
) -> None:
    """An open conversation in which all of that was said."""
    connection.execute(
        "INSERT INTO conversations (conversation_id, agent_id, state, last_turn_seq, "
        "created_at, updated_at) VALUES (?, ?, 'open', ?, ?, ?)",
        (name, agent, len(said), DAY.format(1), DAY.format(28)),
    )
    add_turns(connection, name, agent, said)


def add_turns(connection: sqlite3.Connection, name: str, agent: str, said: list[str]) -> None:
    """The turns of one conversation, over four weeks."""
    scope = search_scope(agent, name)
    times = [DAY.format(1 + 28 * seq // len(said)) for seq in range(len(said))]
    connection.executemany(
        "INSERT INTO turns (turn_id, conversation_id, seq, previous_seq, role, direction, "
        "content, metadata, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, '{}', ?)",
        (
            (
                *(f"{name}_{seq}", name, seq, seq - 1 or None),
                *(("user", "inbound") if seq % 2 else ("assistant", "outbound")),
                *(text, times[seq - 1]),
            )
            for seq, text in enumerate(said, 1)
        ),
    )
    connection.executemany(
        "INSERT INTO searched_turns (turn_id, scope, content, created_at) VALUES (?, ?, ?, ?)",
        ((f"{name}_{seq}", scope, text, times[seq - 1]) for seq, text in enumerate(said, 1)),
    )


def queries() -> dict[str, Iterator[str]]:
    """Kinds of searches, as query strings."""
    chance = random.Random(11)

    def made(build: str, *ranks: tuple[int, int], **more: str) -> Iterator[str]:
        extra = "".join(f"&{name}={value}" for name, value in more.items())
        while True:
            words = [word(chance.randrange(*between)) for between in ranks]
            yield f"q={quote(build.format(*words))}{extra}"

    common, usual, rare = (0, 20), (50, 1000), (10_000, WORDS)
    return {
        "a common word": made("{}", common),
        "a usual word": made("{}", usual),
        "a rare word": made("{}", rare),
        "two usual words": made("{} {}", usual, usual),
        "a common and a rare word": made("{} {}", common, rare),
        "the beginning of words": made("{:.4}", usual),
        "a phrase": made('"{} {}"', common, usual),
        "a usual word, one agent": made("{}", usual, agentId="few"),
        "a usual word, one week": made(
            "{}", usual, since="2026-01-08T00:00:00Z", until="2026-01-15T00:00:00Z"
        ),
        "one word without another": made("{} -{}", usual, common),
    }


async def searches(connection: Connection) -> dict[str, list[float]]:
    """Seconds of each kind of search through the service."""
    times: dict[str, list[float]] = {}
    for kind, made in queries().items():
        for query in itertools.islice(made, SEARCHES):
            begun = time.perf_counter()
            answer = await connection.call("GET", f"/search?{query}")
            times.setdefault(kind, []).append(time.perf_counter() - begun)
            assert "hits" in answer, answer
    return times


async def last_pages(connection: Connection) -> tuple[list[float], list[float]]:
    """Seconds for the last 50 turns of the long and of a short conversation, by turns."""
    times: dict[str, list[float]] = {"conv_many": [], "conv_few_0": []}
    for _ in range(PAGES):
        for name, taken in times.items():
            begun = time.perf_counter()
            answer = await connection.call("GET", f"/conversations/{name}?last=50")
            taken.append(time.perf_counter() - begun)
            assert len(answer["turns"]) == 50, answer
    return times["conv_many"], times["conv_few_0"]


async def through_service(at: Service) -> None:
    """The rows of searches and pages."""
    async with connected(at) as connection:
        await connection.call("GET", "/search?q=warm")
        found = await searches(connection)
        long, short = await last_pages(connection)
    for kind, times in found.items():
        row(f"search: {kind}, ms", *_pair(times))
    every = sorted(seconds for times in found.values() for seconds in times)
    slow = quantile(every, 0.95) * 1e3
    row(
        f"search over {MANY:,} turns, all kinds, 95 %, ms",
        f"{slow:.1f}",
        f"{SEARCH_MS:g} wanted",
        f"{slow / SEARCH_MS:.2f}x",
        f"< {SEARCH_MS:g}: {verdict(slow < SEARCH_MS)}",
    )
    a, b = median(long) * 1e3, median(short) * 1e3
    row(
        f"the last 50 of {MANY:,} turns | of {FEW:,}, ms",
        f"{a:.2f}",
        f"{b:.2f}",
        f"{a / b:.2f}x",
        f"< {PAGE_RATIO:g}x: {verdict(a < PAGE_RATIO * b)}",
    )


def _pair(times: list[float]) -> tuple[str, str, str]:
    middle, slow = median(times) * 1e3, quantile(times, 0.95) * 1e3
    return f"{middle:.1f}", f"95 %: {slow:.1f}", ""


async def commit(store: Store, number: int, text: str) -> float:
    """Seconds to accept a prompt, both its turn and the index in one transaction."""
    now = wire.now()
    run = NewRun(
        run_id=f"run_{number:09}",
        turn_id=f"turn_{number:09}",
        conversation_id="conv_few_1",
        conversation_is_new=False,
        agent_id="few",
        prompt=text,
        mode="headless",
        reason="measured",
        timeout_ms=1000,
        metadata={},
        queued_at=now,
    )
    begun = time.perf_counter()
    await store.runs.accept(run, [])
    taken = time.perf_counter() - begun
    await store.runs.finish(run.run_id, RunOutcome(state=RunState.SUCCEEDED), [], now=now)
    return taken


@asynccontextmanager
async def searching(store: Store, *, on: bool) -> AsyncIterator[None]:
    """Somebody who searches, one search after the other with as long a pause behind each."""

    async def search() -> None:
        chance = random.Random(3)
        while True:
            begun = time.perf_counter()
            phrases = [word(chance.randrange(50, 1000))]
            query = SearchQuery(phrases=phrases, without=[], open_end=True, limit=20)
            await store.conversations.search(query)
            await asyncio.sleep(time.perf_counter() - begun)

    task = asyncio.create_task(search()) if on else None
    yield
    if task is not None:
        task.cancel()


async def commits(database: Path) -> tuple[list[float], list[float]]:
    """Seconds of commits alone and beside searches, by turns."""
    alone: list[float] = []
    beside: list[float] = []
    said = texts(2 * ROUNDS * COMMITS)
    numbers = itertools.count()
    async with open_store(database) as store:
        for _ in range(ROUNDS):
            for on, times in ((False, alone), (True, beside)):
                async with searching(store, on=on):
                    for text in itertools.islice(said, COMMITS):
                        times.append(await commit(store, next(numbers), text))
    return alone, beside


def commit_rows() -> None:
    """What a search and a long index are to a commit."""
    root = new_folder()
    fill(root)
    alone, beside = asyncio.run(commits(root / "state" / DATABASE))
    small = new_folder()
    fill(small, FEW)
    short, _ = asyncio.run(commits(small / "state" / DATABASE))
    for what, figure in (("median", median), ("95 %", partial(quantile, part=0.95))):
        a, b, c = figure(beside) * 1e3, figure(alone) * 1e3, figure(short) * 1e3
        for name, ours, other in (
            ("beside searches | alone", a, b),
            (f"at {MANY:,} turns | at {FEW:,}", b, c),
        ):
            met = verdict(ours < COMMIT_RATIO * other)
            target = f"< {COMMIT_RATIO:g}x: {met}" if what == "median" else ""
            row(
                f"commit of a prompt {name}, {what}, ms",
                f"{ours:.2f}",
                f"{other:.2f}",
                f"{ours / other:.2f}x",
                target,
            )


def main() -> None:
    """Print the table."""
    heading(f"History: {MANY:,} turns of {WORDS_OF_TURN} words")
    columns("peer or limit")
    with service(HERE / "instant.sh", prepare=fill) as at:
        asyncio.run(through_service(at))
    commit_rows()


if __name__ == "__main__":
    main()
