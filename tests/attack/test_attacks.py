"""Every attack, shortly: memory stays, and the service answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attack import attacks
from tests.attack.measure import MOST_GROWTH, attacked, effect_of
from tests.conftest import Service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with attacked(tmp_path_factory.mktemp("attacked")) as service:
        yield service


@pytest.mark.parametrize("name", attacks.ATTACKS)
def test_it_holds(service: Service, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attacks, "SECONDS", 0.5)
    monkeypatch.setattr(attacks, "MOST_BYTES", 96 << 20)
    effect = effect_of(attacks.ATTACKS[name], service)
    assert set(effect.answers) == {200}
    assert effect.growth <= MOST_GROWTH
