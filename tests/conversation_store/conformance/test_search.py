"""Full-text search over all turns."""

from __future__ import annotations

import pytest

from conversation_store.interfaces import Store
from conversation_store.records import RunOutcome, SearchHit, SearchQuery, TurnRecord
from conversation_store.states import RunState
from tests.helpers.rows import LATER, NOW, add_agent, event, new_run

pytestmark = pytest.mark.anyio

TEXTS = {
    1: "The quick brown fox jumps over the lazy dog",
    2: "Größe und Überfluss, señor; naïve café",
    3: "今天天气很好，我们去公园吧",  # noqa: RUF001
    4: "สวัสดีชาวโลก",
    5: "Привет, мир",
    6: '\'); DROP TABLE turns; -- NEAR(a b) OR * "x" content:y',
    7: "안녕하세요 세계",
    8: "line one\nneedle in line two " + "filler " * 50,
}


@pytest.fixture(autouse=True)
async def turns(store: Store) -> None:
    await add_agent(store, "other")
    for number, text in TEXTS.items():
        agent = "other" if number == 8 else "worker"
        run = new_run(number, f"conv_{number}", prompt=text, agent_id=agent, title=text[:20])
        await store.runs.accept(run, [])


async def found(store: Store, *phrases: str, **more: object) -> list[str]:
    hits = await store.conversations.search(
        SearchQuery(phrases=list(phrases), **more)  # type: ignore[arg-type]
    )
    return [hit.turn_id for hit in hits]


def text_of(hit: SearchHit) -> str:
    return "".join(piece.text for piece in hit.snippet)


@pytest.mark.parametrize(
    ("phrase", "turn"),
    [
        ("FOX", "turn_1"),
        ("lazy dog", "turn_1"),
        ("grosse", None),
        ("große", "turn_2"),
        ("uberfluss", "turn_2"),
        ("cafe", "turn_2"),
        ("天气", "turn_3"),
        ("公园", "turn_3"),
        ("气天", None),
        ("ชาวโลก", "turn_4"),
        ("мир", "turn_5"),
        ("세계", "turn_7"),
        ("DROP TABLE", "turn_6"),
        ("NEAR(a b) OR *", "turn_6"),
        ('"x" content:y', "turn_6"),
        ("nothing like it", None),
    ],
)
async def test_words_of_any_language_are_found(store: Store, phrase: str, turn: str | None) -> None:
    assert await found(store, phrase) == ([] if turn is None else [turn])


async def test_all_of_it_must_be_there_and_nothing_of_the_rest(store: Store) -> None:
    assert await found(store, "quick", "dog") == ["turn_1"]
    assert await found(store, "quick", "needle") == []
    assert await found(store, "quick", without=["dog"]) == []
    assert await found(store, "quick", without=["cat"]) == ["turn_1"]


async def test_the_last_word_may_go_on(store: Store) -> None:
    assert await found(store, "need") == []
    assert await found(store, "need", open_end=True) == ["turn_8"]
    assert await found(store, "lazy", "do", open_end=True) == []


async def test_it_is_held_to_an_agent_a_conversation_and_a_time(store: Store) -> None:
    assert await found(store, "needle", agent_id="worker") == []
    assert await found(store, "needle", agent_id="other") == ["turn_8"]
    assert await found(store, "needle", conversation_id="conv_8") == ["turn_8"]
    assert await found(store, "needle", conversation_id="conv_1") == []
    assert await found(store, "needle", since=NOW) == ["turn_8"]
    assert await found(store, "needle", since=LATER) == []
    assert await found(store, "needle", until=NOW) == []
    assert await found(store, "needle", since="2030-01-01T00:00:00.000Z") == []


async def test_a_hit_shows_what_was_found_and_no_marks_of_the_index(store: Store) -> None:
    (hit,) = await store.conversations.search(SearchQuery(phrases=["needle"]))
    assert [piece.text for piece in hit.snippet if piece.hit] == ["needle"]
    assert "needle in line two" in text_of(hit)
    assert (hit.agent_id, hit.role, hit.seq, hit.title) == ("other", "user", 1, TEXTS[8][:20])
    (hit,) = await store.conversations.search(SearchQuery(phrases=["天气"]))
    assert "".join(piece.text for piece in hit.snippet if piece.hit) == "天气"
    assert text_of(hit) == TEXTS[3]


async def test_hits_come_newest_first_in_pages(store: Store) -> None:
    for number in range(20, 27):
        await store.runs.accept(new_run(number, f"conv_{number}", prompt="again and again"), [])
    names: list[str] = []
    before: int | None = None
    while hits := await store.conversations.search(
        SearchQuery(phrases=["again"], before=before, limit=3)
    ):
        names += [hit.turn_id for hit in hits]
        before = hits[-1].position
    assert names == [f"turn_{number}" for number in range(26, 19, -1)]


async def test_answers_are_found_and_edited_prompts_and_nothing_that_was_deleted(
    store: Store,
) -> None:
    await store.runs.edit("run_1", "a slow red hen", [event()])
    assert await found(store, "fox") == []
    assert await found(store, "hen") == ["turn_1"]
    outcome = RunOutcome(state=RunState.SUCCEEDED, answer="the oracle said", turn_id="turn_a")
    await store.runs.finish("run_1", outcome, [event()], now=LATER)
    assert await found(store, "oracle") == ["turn_a"]
    await store.conversations.delete("conv_1")
    assert await found(store, "oracle") == []
    assert await found(store, "hen") == []


async def test_what_came_by_another_hand_is_found_as_well(store: Store) -> None:
    turn = TurnRecord(
        turn_id="turn_x",
        conversation_id="conv_1",
        role="user",
        direction="inbound",
        content="typed elsewhere",
        run_id=None,
        metadata={},
        created_at=LATER,
    )
    await store.conversations.add_from_session("conv_1", [turn], "{}", event())
    assert await found(store, "elsewhere") == ["turn_x"]
