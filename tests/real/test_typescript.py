"""A TypeScript client can be generated: an event of no known type is a compile error."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from recorder.install import cache_folder, npm_command

from agent_runner.api.application import ENDPOINTS
from agent_runner.api.openapi import openapi
from agent_runner.settings import Settings

pytestmark = pytest.mark.real

PACKAGES = {"openapi-typescript": "7.13.0", "typescript": "5.9.3"}
HEAD = """\
import type { components } from "./api";
type Event = components["schemas"]["ConversationEvent"];
"""
GOOD = """\
export function text(event: Event): string {
  switch (event.type) {
    case "message.delta": return event.text;
    case "run.finished": return `${event.seq}: ${event.state} ${event.usage?.inputTokens ?? "?"}`;
    case "route.decided": return event.reason;
    default: return event.type;
  }
}
"""
BAD = {
    "made": 'export const made: Event = { type: "of.no.kind", runId: "r", conversationId: "c" };\n',
    "matched": "export function f(e: Event) { switch (e.type) { case 'of.no.kind': return 1; } }\n",
    "ephemeral": "export function f(e: Event) { if (e.type === 'message.delta') return e.seq; }\n",
    "missing": 'export const made: Event = { type: "message.delta", runId: "r", text: "x" };\n',
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The types that are generated from /openapi.json, beside the packages of the cache."""
    folder = tmp_path_factory.mktemp("typescript")
    (folder / "node_modules").symlink_to(installed() / "node_modules")
    (folder / "package.json").write_text(json.dumps({"private": True}))
    document = openapi(ENDPOINTS, "0", Settings())
    (folder / "openapi.json").write_text(json.dumps(document))
    generate = ["exec", "--", "openapi-typescript", "openapi.json", "-o", "api.ts"]
    subprocess.run([*npm_command(), *generate], cwd=folder, check=True)
    return folder


def installed() -> Path:
    """The folder of the pinned packages, which are installed now unless they are already."""
    pins = json.dumps({"private": True, "dependencies": PACKAGES})
    folder = cache_folder() / "typescript" / hashlib.sha256(pins.encode()).hexdigest()[:12]
    done = folder / ".installed"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text(pins)
        install = [*npm_command(), "install", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(install, cwd=folder, check=True, timeout=100)
        done.touch()
    return folder


def compiled(project: Path, source: str) -> str:
    """What the compiler says of `source`; empty if it is right."""
    (project / "use.ts").write_text(HEAD + source)
    command = [*npm_command(), "exec", "--", "tsc", "--strict", "--noEmit", "use.ts"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False).stdout


def test_events_are_told_apart_by_their_type(project: Path) -> None:
    assert compiled(project, GOOD) == ""


@pytest.mark.parametrize("source", BAD.values(), ids=BAD)
def test_what_no_stream_carries_does_not_compile(project: Path, source: str) -> None:
    assert "use.ts(3," in compiled(project, source)
