"""The terminal form against a scripted UI in a real tmux."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import anyio
import msgspec
import psutil
import pytest

from agent_runner.agents.base import Form, PermissionAnswer
from agent_runner.agents.claude import profile as claude_ui
from agent_runner.decoding.terminal import Profile
from agent_runner.events.message import MessageCompleted
from agent_runner.events.notice import Notice
from agent_runner.events.permission import PermissionRequested
from agent_runner.events.session import SessionStarted
from agent_runner.events.tool import ToolCompleted
from agent_runner.process.identity import MARKER
from agent_runner.runners.cli_process import CliProcess
from agent_runner.runners.launcher import LaunchError
from agent_runner.tmux.capture import capture
from agent_runner.tmux.driver import AGAIN_S
from conversation_store.codes import FailureCode
from tests.conftest import Serving
from tests.tmux.uis import Listener, Never, Ui, until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]

TEXT = "!ls\n\t- h\u00e9llo \u4f60\u597d \U0001f600\r\n# @a /b\n\nend"


def notices(listener: Listener, code: str) -> list[Notice]:
    return [notice for notice in listener.of(Notice) if notice.code == code]


def family(process_id: str) -> list[psutil.Process]:
    """What lives of a process's tree, by the mark that it inherited."""
    needle = f"{MARKER}={process_id}\0".encode()
    found = []
    for process in psutil.process_iter():
        try:
            if needle in Path(f"/proc/{process.pid}/environ").read_bytes():
                found.append(process)
        except OSError:
            continue
    return found


def interrupt_at(begun: Path) -> Callable[[CliProcess, Never], Coroutine[Any, Any, None]]:
    """What interrupts a turn that has made the file `begun`."""

    async def interrupt(live: CliProcess, stop: Never) -> None:
        await until(begun.exists, "the turn")
        stop.ask()

    return interrupt


def changed_profile(patch: pytest.MonkeyPatch, **fields: Any) -> None:
    """From now on Claude's UI is driven with these in its profile."""
    as_it_is = claude_ui.profile

    def changed(*given: Any) -> Profile:
        return msgspec.structs.replace(as_it_is(*given), **fields)

    patch.setattr(claude_ui, "profile", changed)


async def test_a_turn(serving: Serving, tmp_path: Path) -> None:
    async with serving() as ctx:
        ui, heard = Ui(ctx, tmp_path), Listener()
        steps = [{"text": "Working."}, {"tool": "Bash", "input": {"command": "ls"}}, {"text": "Ok"}]
        verdict = await ui.turn(steps, heard)
        assert (verdict.ok, verdict.text) == (True, "Ok"), verdict
        assert verdict.usage is not None
        assert verdict.usage.output_tokens == 15
        (session,) = heard.of(SessionStarted)
        assert session.session_id == verdict.session_id
        assert session.cli_version == "9.9.9"
        assert [event.text for event in heard.of(MessageCompleted)] == ["Working.", "Ok"]
        assert [event.status for event in heard.of(ToolCompleted)] == ["completed"]
        (receipt,) = notices(heard, "delivered")
        assert receipt.data == {"by": "hook", "attempts": 1}
        again = await ui.turn("once more")
        assert again.text == "echo: once more"
        assert again.session_id == verdict.session_id


@pytest.mark.parametrize("text", [TEXT, "x" * 200_000, "  two words", "- dash"], ids=len)
async def test_a_prompt_arrives_as_it_is(serving: Serving, tmp_path: Path, text: str) -> None:
    async with serving() as ctx:
        verdict = await Ui(ctx, tmp_path).turn(text)
        assert verdict.text == f"echo: {text}"


async def test_a_swallowed_enter_is_repaired(serving: Serving, tmp_path: Path) -> None:
    async with serving() as ctx:
        heard = Listener()
        verdict = await Ui(ctx, tmp_path, swallow=2).turn("hello", heard)
        assert verdict.text == "echo: hello"
        (receipt,) = notices(heard, "delivered")
        assert receipt.data == {"by": "hook", "attempts": 3}
        assert len(notices(heard, "resubmitted")) == 1


async def test_what_stood_in_the_box_is_removed_and_told(serving: Serving, tmp_path: Path) -> None:
    async with serving() as ctx:
        heard = Listener()
        verdict = await Ui(ctx, tmp_path, box="typed by someone").turn("hello", heard)
        assert verdict.text == "echo: hello"
        (told,) = notices(heard, "box_not_empty")
        assert told.data == {"characters": len("typed by someone")}


async def test_a_ui_that_is_slow_to_be_ready(serving: Serving, tmp_path: Path) -> None:
    async with serving() as ctx:
        assert (await Ui(ctx, tmp_path, slow_ms=1500).turn("hello")).text == "echo: hello"


@pytest.mark.parametrize("odd", [{"change": True}, {"swallow": 99}, {"deaf_editor": True}], ids=str)
async def test_a_prompt_that_is_not_taken_fails(
    serving: Serving, tmp_path: Path, odd: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    changed_profile(monkeypatch, handover_s=0.5, patience_s=(0.5,) * 5)
    async with serving() as ctx:
        heard = Listener()
        verdict = await Ui(ctx, tmp_path, **odd).turn("hello", heard)
        assert (verdict.ok, verdict.code) == (False, FailureCode.UNDELIVERED)
        (told,) = notices(heard, "undelivered")
        reasons = {"change": "mismatch", "swallow": "not_taken", "deaf_editor": "not_handed_over"}
        assert told.data is not None
        assert told.data["reason"] == reasons[next(iter(odd))]
        assert heard.of(MessageCompleted) == []


@pytest.mark.parametrize("prompt", ["/clear", "exit", " :wq\n", "a\x07b", "   "])
async def test_a_prompt_that_the_ui_would_change_is_refused(
    serving: Serving, tmp_path: Path, prompt: str
) -> None:
    async with serving() as ctx:
        with pytest.raises(LaunchError) as caught:
            await Ui(ctx, tmp_path).turn(prompt)
        assert caught.value.code == FailureCode.PROMPT_REFUSED
        assert "UI" in caught.value.message
        assert ctx.runner.living == []


SOMEBODY_DID = {
    "scrolled": ["copy-mode", "-t", "agent"],
    "looked at a clock": ["clock-mode", "-t", "agent"],
    "looked at a tree": ["choose-tree", "-t", "agent"],
    "locked the keys": ["select-pane", "-d", "-t", "agent"],
    "split the window": ["split-window", "-t", "agent", "sleep 600"],
    "opened a window": ["new-window", "-t", "agent:", "sleep 600"],
    "left a help page open": ["send-keys", "-t", "agent", "C-o"],
    "typed": ["send-keys", "-t", "agent", "left over"],
}


@pytest.mark.parametrize("words", SOMEBODY_DID.values(), ids=SOMEBODY_DID)
async def test_what_somebody_left_in_the_terminal_is_left(
    serving: Serving, tmp_path: Path, words: list[str]
) -> None:
    async with serving() as ctx:
        ui = Ui(ctx, tmp_path)
        assert (await ui.turn("one")).text == "echo: one"
        (live,) = ctx.runner.living
        await anyio.run_process(["tmux", "-S", "t", *words], cwd=ui.folder)
        assert (await ui.turn("two")).text == "echo: two"
        assert ctx.runner.living == [live]


@pytest.mark.parametrize("allow", [True, False])
async def test_a_question(serving: Serving, tmp_path: Path, allow: bool) -> None:
    log = tmp_path / "log"
    changed = {"command": "echo other"}
    answer = (
        PermissionAnswer(allow=True, updated_input=changed)
        if allow
        else PermissionAnswer(allow=False, message="Not now.")
    )
    async with serving() as ctx:
        heard = Listener(answer)
        steps = [{"ask": "Bash", "input": {"command": "ls"}, "log": str(log)}, {"text": "Done."}]
        verdict = await Ui(ctx, tmp_path).turn(steps, heard)
        assert verdict.text == "Done."
        (asked,) = heard.of(PermissionRequested)
        (done,) = heard.of(ToolCompleted)
        assert asked.tool_call_id == done.tool_call_id
        assert (done.status, done.error) == (
            ("completed", None) if allow else ("denied", "Not now.")
        )
        assert (json.loads(log.read_text()) == changed) if allow else not log.exists()


async def test_an_interrupt_keeps_the_process(serving: Serving, tmp_path: Path) -> None:
    begun = tmp_path / "begun"

    async with serving() as ctx:
        ui = Ui(ctx, tmp_path)
        verdict = await ui.turn(
            [{"touch": str(begun)}, {"hang": True}], meanwhile=interrupt_at(begun)
        )
        assert verdict.code == FailureCode.INTERRUPTED
        (live,) = ctx.runner.living
        assert (await ui.turn("go on")).text == "echo: go on"
        assert ctx.runner.living == [live]


async def test_an_interrupt_does_not_reach_the_next_prompt(
    serving: Serving, tmp_path: Path
) -> None:
    begun, again, enough = (tmp_path / name for name in ("begun", "again", "enough"))

    async def release(live: CliProcess, stop: Never) -> None:
        await until(again.exists, "the turn")
        await anyio.sleep(2 * AGAIN_S)
        enough.touch()

    async with serving() as ctx:
        ui = Ui(ctx, tmp_path)
        await ui.turn([{"touch": str(begun)}, {"hang": True}], meanwhile=interrupt_at(begun))
        steps = [{"touch": str(again)}, {"wait": str(enough)}, {"text": "Whole."}]
        verdict = await ui.turn(steps, meanwhile=release)
        assert (verdict.code, verdict.text) == (None, "Whole.")


async def test_the_end_of_an_interrupted_turn_is_written_in_the_next(
    serving: Serving, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"

    async with serving() as ctx:
        ui = Ui(ctx, tmp_path, late_abort=True)
        verdict = await ui.turn(
            [{"touch": str(begun)}, {"hang": True}], meanwhile=interrupt_at(begun)
        )
        assert verdict.code == FailureCode.INTERRUPTED
        verdict = await ui.turn("go on")
        assert (verdict.code, verdict.text) == (None, "echo: go on")


async def test_a_turn_that_is_ended_at_the_terminal_without_a_word(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed_profile(monkeypatch, rest_s=0.5)
    async with serving() as ctx:
        ui, heard = Ui(ctx, tmp_path), Listener()
        verdict = await ui.turn([{"fall_silent": True}], heard)
        assert verdict.code == FailureCode.INTERRUPTED
        (told,) = notices(heard, "ui_at_rest")
        assert "\u276f" in (told.data or {})["screen"]
        assert (await ui.turn("go on")).text == "echo: go on"


@pytest.mark.fault(47, 48)
@pytest.mark.parametrize("what", ["pane", "server", "driver"])
async def test_what_is_killed_is_a_state_with_a_reason(
    serving: Serving, tmp_path: Path, what: str
) -> None:
    begun = tmp_path / "begun"

    async def kill(live: CliProcess, stop: Never) -> None:
        await until(begun.exists, "the turn")
        form = {"pane": "#{pane_pid}", "server": "#{pid}"}.get(what)
        pid = live.pid
        if form is not None:
            words = ["tmux", "-S", "t", "display-message", "-p", "-t", "agent", form]
            pid = int((await anyio.run_process(words, cwd=ui.folder)).stdout)
        os.kill(pid, signal.SIGKILL)

    async with serving() as ctx:
        ui = Ui(ctx, tmp_path)
        verdict = await ui.turn([{"touch": str(begun)}, {"hang": True}], meanwhile=kill)
        assert (verdict.ok, verdict.code) == (False, FailureCode.CLI_KILLED)
        assert ("tmux" if what == "server" else "SIGKILL") in (verdict.error or "")
        process_id = ui.process_id
        await until(lambda: not ctx.runner.living, "the end of the process")
        assert family(process_id) == []
        assert (await ui.turn("go on")).text == "echo: go on"


async def test_a_ui_that_ends_by_itself(serving: Serving, tmp_path: Path) -> None:
    async with serving() as ctx:
        verdict = await Ui(ctx, tmp_path).turn([{"die": 3}])
        assert (verdict.ok, verdict.code) == (False, FailureCode.CLI_ERROR)
        verdict = await Ui(ctx, tmp_path).turn([{"error": "API Error: 529 no", "status": 529}])
        assert verdict.code == FailureCode.OVERLOADED


async def test_a_session_that_is_not_there(serving: Serving, tmp_path: Path) -> None:
    async with serving() as ctx:
        verdict = await Ui(ctx, tmp_path, forgets=True).turn("hello", session="no-such-session")
        assert verdict.code == FailureCode.SESSION_NOT_FOUND


async def test_a_change_of_form_ends_the_other_process(serving: Serving, tmp_path: Path) -> None:
    async with serving() as ctx:
        ui = Ui(ctx, tmp_path)
        assert (await ui.turn("one")).ok
        process_id = ui.process_id
        (first,) = ctx.runner.living
        assert first.form is Form.TERMINAL
        assert (await ui.turn("two", terminal=False)).ok
        (second,) = ctx.runner.living
        assert second.form is Form.WARM
        assert not first.alive
        assert family(process_id) == []


async def test_a_resumed_ui_tells_nothing_old(serving: Serving, tmp_path: Path) -> None:
    async with serving() as ctx:
        ui = Ui(ctx, tmp_path)
        first = await ui.turn("one")
        await ctx.runner.drop("conversation")
        heard = Listener()
        second = await ui.turn("two", heard, session=first.session_id)
        assert second.session_id == first.session_id
        assert [event.text for event in heard.of(MessageCompleted)] == ["echo: two"]


async def test_the_screen_can_be_seen(serving: Serving, tmp_path: Path) -> None:
    async with serving() as ctx:
        ui = Ui(ctx, tmp_path)
        await ui.turn("look here")
        tmux = ctx.runner.launcher.find_tmux()
        assert "echo: look here" in (await capture(tmux, ui.folder) or "")
        assert await capture(tmux, tmp_path) is None
        assert (ui.folder / "t").stat().st_mode & 0o077 == 0
        assert ui.folder.stat().st_mode & 0o077 == 0


async def test_no_tmux(serving: Serving, tmp_path: Path, fakes: dict[str, str]) -> None:
    async with serving() as ctx:
        ctx.runner.launcher._programs = {**fakes, "tmux": "no-such-tmux"}
        with pytest.raises(LaunchError) as error:
            await Ui(ctx, tmp_path).turn("hello")
        assert error.value.code is FailureCode.CLI_NOT_FOUND
        assert "install" in (error.value.hint or "")
