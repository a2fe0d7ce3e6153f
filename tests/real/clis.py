"""What the real CLIs differ in, as far as these tests can see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from recorder.cases.acp import CLI as ACP
from recorder.cases.acp import SUITE as ACP_SUITE
from recorder.cases.case import Suite
from recorder.cases.claude import SUITE as CLAUDE_SUITE
from recorder.cases.codex import SUITE as CODEX_SUITE
from recorder.cases.droid import SUITE as DROID_SUITE
from recorder.cases.gemini import SUITE as GEMINI_SUITE


@dataclass(frozen=True, kw_only=True)
class Cli:
    """One CLI: its pinned version, its home as the recorder sets it up, its words.

    `tools` are the agent's options that let it write files and run commands unasked.
    `keeps_images` is whether an image reaches the model as it is, and not drawn anew. `resumes` is
    whether its one-shot form goes on with an earlier session offline. `no_model`
    is how its provider says that it does not know a model, `other_model` one that it may be told
    to ask. `own_words` are prompts that its UI
    takes for commands. `by_hand` goes on with a session in a terminal of somebody's own.
    `tells_after_s` is how long after its begin a command is told of.
    """

    suite: Suite
    version: str
    tools: dict[str, Any]
    own_words: tuple[str, ...] = ("/help",)
    no_model: str = "model: no-such-model"
    other_model: str | None = None
    resumes: bool = True
    keeps_images: bool = True
    by_hand: tuple[str, ...] = ()
    tells_after_s: float = 0.0
    env: dict[str, str] = field(default_factory=dict)

    @property
    def agent(self) -> str:
        return self.suite.agent


CLAUDE = Cli(
    suite=CLAUDE_SUITE,
    version="2.1.332",
    tools={"permissionMode": "acceptEdits", "allowedTools": ["Bash", "Write"]},
    other_model="claude-sonnet-4-5",
    own_words=("/model", "exit", " quit", ":q", ":wq", ":q!"),
    by_hand=("-p", "--resume", "{session}", "{prompt}"),
    env={"CLAUDE_CODE_MAX_RETRIES": "1"},
)
GEMINI = Cli(
    suite=GEMINI_SUITE,
    version="0.61.0",
    tools={"permissionMode": "yolo"},
    other_model="gemini-2.5-pro",
    by_hand=("--resume", "{session}", "-p", "{prompt}"),
    no_model="models/no-such-model is not found for API version v1beta, or is not supported "
    "for generateContent. Call ListModels to see the list of available models.",
)
DROID = Cli(
    suite=DROID_SUITE,
    version="0.215.0",
    tools={"permissionMode": "low"},
    resumes=False,
    keeps_images=False,
    own_words=("/help", "exit", " QUIT"),
)
CODEX = Cli(
    suite=CODEX_SUITE,
    version="0.171.0",
    tools={"permissionMode": "never"},
    no_model="The model `no-such-model` does not exist or you do not have access to it.",
    own_words=("/help", "!ls", "look at @a"),
    other_model="gpt-5.4",
    by_hand=("exec", "--skip-git-repo-check", "resume", "{session}", "{prompt}"),
    tells_after_s=0.5,
)
OPENCODE = Cli(
    suite=ACP_SUITE,
    version="1.18.33",
    tools=ACP.allowing,
    other_model="scripted/scripted-2",
)
ALL = (CLAUDE, GEMINI, DROID, CODEX, OPENCODE)
