"""Which tmux is looked for."""

from __future__ import annotations

from pathlib import Path

from agent_runner.routing.terminals import Terminals


def test_the_one_that_the_configuration_names(tmp_path: Path) -> None:
    named = tmp_path / "tmux"
    named.write_text("#!/bin/sh\n")
    named.chmod(0o755)
    env = {"PATH": "/nowhere", "HOME": str(tmp_path / "home")}
    assert Terminals({"tmux": str(named)}, env, enabled=True).tmux
    assert not Terminals({"tmux": str(tmp_path / "none")}, env, enabled=True).tmux
