"""Text made of many small pieces is that text, and no more than it."""

from __future__ import annotations

import random
import tracemalloc

from agent_runner.pieces import Pieces


def test_the_text_is_all_pieces_in_order() -> None:
    chance = random.Random(1)
    kept, given = Pieces(), ""
    for _ in range(5000):
        piece = "".join(chance.choices("aü🦊", k=chance.randint(0, 5)))
        kept.add(piece)
        given += piece
    assert (kept.text(), kept.size) == (given, len(given))


def test_many_pieces_cost_their_characters() -> None:
    tracemalloc.start()
    kept = Pieces()
    for number in range(200_000):
        kept.add(f"{number:08}")
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 1.1 * kept.size
