"""A look at a UI from outside its driver: its screen, and the command that attaches to it."""

from __future__ import annotations

from pathlib import Path

import anyio

from agent_runner.tmux.pane import PANE, SESSION, SOCKET

_WAIT_S = 5.0


async def capture(tmux: Path, folder: Path, history: int = 0) -> str | None:
    """What the pane in `folder` shows, after `history` lines that it has scrolled away.

    None if there is no such tmux any more.
    """
    words = [str(tmux), "-S", SOCKET, "capture-pane", "-p", "-J", "-t", PANE]
    if history:
        words += ["-S", str(-history)]
    try:
        with anyio.fail_after(_WAIT_S):
            done = await anyio.run_process(words, cwd=folder, check=False)
    except (OSError, TimeoutError):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def attach_command(*, write: bool) -> list[str]:
    """The arguments of tmux that attach to a UI, in its folder; without `write` only to look."""
    flags = "ignore-size" if write else "read-only,ignore-size"
    return ["-S", SOCKET, "attach-session", "-t", SESSION, "-f", flags]
