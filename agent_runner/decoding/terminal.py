"""What the terminal driver and the service say to each other, and what a CLI's UI is like.

The driver (`agent_runner.tmux.driver`) runs one CLI's own UI in tmux. It is started with the
path of a JSON file that holds a `Setup` and speaks JSON lines on stdin and stdout. To it:

    {"do": "prompt", "id": n, "text": s}      deliver a prompt; prompts are done one by one
    {"do": "answer", "id": n, "body": {...}}  answer the hook n, which waits
    {"do": "keys", "keys": [...], "when": p,  press keys, by tmux's names, once the screen matches
     "since": q, "shows": [...]}              the regular expression p and, from the last match of
                                              q on, has the letters and digits of all of `shows`
    {"do": "interrupt"}                       end the turn, with the keys of the profile
    {"do": "screen"}                          send a `Screen`

End of its input: the UI is closed. From it come the messages below, by `type`.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from agent_runner.decoding.decode import Family, Line


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Prompts that hold `pattern`, a regular expression, are not given to the UI.

    `why` and `hint` are for people.
    """

    pattern: str
    why: str
    hint: str | None = None


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """How a UI is seen to be idle: all of what is given must hold.

    `screen` is a regular expression that the screen matches, `absent` one that it does not.
    `file` is a JSON file (`{home}` and `{pid}` filled in) whose `field` is `value`, and `busy`
    while the UI is at work.
    """

    screen: str = ""
    absent: str = ""
    file: str = ""
    field: str = ""
    value: str = ""
    busy: str = ""


class Seed(msgspec.Struct, frozen=True, kw_only=True):
    """Values that a JSON file of the CLI's own must hold before it starts.

    Objects in `values` are merged into it at any depth, lists get what they lack, false
    becomes true; anything else that is already there stays as it is. In keys and texts
    `{cwd}` is the folder without links and `{VARIABLE:20}` the last 20 characters of a
    variable; an entry whose variable is not set is left out.
    """

    file: list[str]
    values: dict[str, Any]


class Dialog(msgspec.Struct, frozen=True, kw_only=True):
    """A screen that matches `pattern` is answered with `keys`; `{1}` is the pattern's group 1."""

    pattern: str
    keys: list[str]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What is particular to one CLI's UI; made by its adapter.

    A place is a list of paths, the first whose `{VARIABLE}`s are all set counts; `~` is the
    home folder. `home` is the place of the CLI's own files, elsewhere called `{home}`.
    `hook_files` are texts by place (`{folder}` is private to this process) in which `{url}` is
    the address of the driver's hooks and `{command}` a command that passes a hook on. `held`
    are the hooks whose answer waits for the service. `prompt_hook` is the one that holds a
    delivered prompt in `prompt`, `ready_hook` the one without which the UI is not ready for the
    first one, whatever it shows, `end_hook` the one after which a turn is over once the UI is
    idle. `transcript` is a glob of the JSONL file of a resumed
    session; `transcript_field` the field of a hook that names it; of its lines only those
    pass whose `type` is one of `transcript_types` (none: all do). `sidecar` is the end of the
    name of a JSON file beside the transcript, of which `sidecar_fields` are told. With `editor`
    keys the prompt is handed over in the CLI's external editor, else pasted, after the `clear`
    keys.
    `leave` closes what covers the box of a UI that is at no work: a help page, a menu.
    `dialogs` are those before the UI is ready, `turn_dialogs` those that a turn may end in.
    `paste_shown` is a regular expression for what stands for a long paste, `adds` one for what
    the CLI puts behind a prompt by itself. `trims` tells that it drops white space at a prompt's
    end. `most_bytes` is how long a prompt may be (0: as
    long as you like). `prompt_line` is for a CLI that tells nothing
    but what it shows: it waits when the screen's last line matches this regular expression and
    nothing has moved for `settle_ms`; `ready` and `idle` do not count then. `handover_s` is how
    long the editor may take to open, `patience_s` how long each submit key may take to work,
    `busy_s` how long the UI may then be at work before it says that it took the prompt, and
    `rest_s` how long after it has settled it is taken to have nothing more to say.
    """

    home: list[str]
    ready: Wait
    idle: Wait
    seeds: list[Seed] = []
    hook_files: dict[str, str] = {}
    held: list[str] = []
    prompt_hook: str = ""
    ready_hook: str = ""
    end_hook: str = ""
    transcript: str = ""
    transcript_field: str = ""
    transcript_types: tuple[str, ...] = ()
    sidecar: str = ""
    sidecar_fields: tuple[str, ...] = ()
    editor: list[str] = []
    clear: list[str] = []
    paste_shown: str = ""
    adds: str = ""
    leave: tuple[str, ...] = ("Escape",)
    submit: tuple[str, ...] = ("Enter",)
    interrupt: tuple[str, ...] = ("Escape",)
    dialogs: list[Dialog] = []
    turn_dialogs: list[Dialog] = []
    refusals: list[Refusal] = []
    trims: bool = True
    prompt_line: str = ""
    most_bytes: int = 0
    env: dict[str, str] = {}
    ready_ms: int = 120_000
    settle_ms: int = 400
    handover_s: float = 5.0
    patience_s: tuple[float, ...] = (1.0, 1.0, 2.0, 4.0, 8.0)
    busy_s: float = 60.0
    rest_s: float = 10.0

    def refusal(self, prompt: str) -> Refusal | None:
        """Why this UI is not given this prompt; None if it is."""
        if self.most_bytes and len(prompt.encode("utf-8", "replace")) > self.most_bytes:
            why = f"this UI takes no prompt of more than {self.most_bytes} bytes"
            return Refusal(pattern="", why=why)
        return next((one for one in self.refusals if re.search(one.pattern, prompt)), None)


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What to run: the CLI's `argv` in `cwd`, with tmux at the path `tmux`.

    `folder` is private and short-lived: the socket is `folder`/t.
    """

    argv: list[str]
    cwd: str
    folder: str
    tmux: str
    profile: Profile
    columns: int = 150
    rows: int = 50
    history: int = 20_000


class Started(Line, tag_field="type", tag="started"):
    """tmux runs the CLI; `pid` is the CLI's process."""

    socket: str
    session: str
    pid: int


class Ready(Line, tag_field="type", tag="ready"):
    """The UI waits for a prompt."""


class NotReady(Line, tag_field="type", tag="not_ready"):
    """The UI shows something else than its prompt for too long. It is closed."""

    screen: str


class Delivered(Line, tag_field="type", tag="delivered"):
    """The CLI has taken prompt `id`, as the CLI itself says by a hook or its transcript.

    `attempts` counts how often it was submitted; `found` is how many characters stood in the
    box before, `left` how often something that covered it was closed; `trimmed` tells that
    white space at the end was dropped. `screen` is, of a CLI
    that only shows, all that stood there before the prompt was submitted.
    """

    id: int
    by: Literal["hook", "transcript", "screen"]
    attempts: int
    found: int = 0
    left: int = 0
    trimmed: bool = False
    screen: str = ""


class Undelivered(Line, tag_field="type", tag="undelivered"):
    """Prompt `id` was not taken, or was taken as something else (`mismatch`).

    `untouched`: it is certain that the CLI has not had it, and it may go to another UI.
    """

    id: int
    reason: Literal["not_ready", "not_handed_over", "not_taken", "mismatch", "exited"]
    message: str
    untouched: bool = False
    screen: str = ""


class Hook(Line, tag_field="type", tag="hook"):
    """The CLI called a hook; it waits for the answer to `id` if `held`."""

    id: int
    event: dict[str, Any]
    held: bool = False


class HookGone(Line, tag_field="type", tag="hook_gone"):
    """The CLI no longer waits for the answer to hook `id`."""

    id: int


class TranscriptLine(Line, tag_field="type", tag="line"):
    """A line that the CLI has added to its transcript."""

    line: dict[str, Any]


class Sidecar(Line, tag_field="type", tag="sidecar"):
    """The fields of the file beside the transcript have changed; no line is newer than they."""

    data: dict[str, Any]


class BadLine(Line, tag_field="type", tag="bad_line"):
    """A line of the transcript that is no JSON object."""

    text: str


class Changed(Line, tag_field="type", tag="changed"):
    """The screen of a CLI that only shows has changed; at most one a second."""


class Idle(Line, tag_field="type", tag="idle"):
    """The UI is idle after the `end_hook`; lines of its transcript may yet follow."""


class Dismissed(Line, tag_field="type", tag="dismissed"):
    """A turn had come to one of the `turn_dialogs`, shown in `screen`; its keys were pressed."""

    screen: str


class Settled(Line, tag_field="type", tag="settled"):
    """The UI is idle again, and neither a hook nor a line has come for a moment.

    Of a CLI that only shows, `screen` goes back to before the prompt; `cut` tells that so
    much has been shown since that the beginning is gone.
    """

    screen: str = ""
    cut: bool = False


class Rested(Line, tag_field="type", tag="rested"):
    """The UI is still idle a good while after it had settled."""

    screen: str


class Screen(Line, tag_field="type", tag="screen"):
    """What the screen shows."""

    text: str


class Exited(Line, tag_field="type", tag="exited"):
    """The CLI's process is gone, or (`server`) tmux is. Nothing follows."""

    what: Literal["cli", "server", "closed"]
    status: int | None = None
    signal: int | None = None
    screen: str = ""


class Failed(Line, tag_field="type", tag="failed"):
    """The driver could not start the CLI. Nothing follows."""

    error: str


LINES = Family(
    {
        "started": Started,
        "ready": Ready,
        "not_ready": NotReady,
        "delivered": Delivered,
        "undelivered": Undelivered,
        "hook": Hook,
        "hook_gone": HookGone,
        "line": TranscriptLine,
        "sidecar": Sidecar,
        "bad_line": BadLine,
        "changed": Changed,
        "idle": Idle,
        "dismissed": Dismissed,
        "settled": Settled,
        "rested": Rested,
        "screen": Screen,
        "exited": Exited,
        "failed": Failed,
    }
)
