"""Stand-ins for the model APIs that the CLIs call: scriptable, on the loopback, offline.

They let a real, unmodified CLI run without an account: the recorder, `make test-real` and
the benchmarks use them. Nothing in the service itself does. Scripts are lists of `Reply`;
a prompt may instead carry a mark such as `<<shell:echo hi>>` (see `scenarios`).
"""

from agent_runner.recorder.models.script import (
    Action,
    Cut,
    Finish,
    Http,
    Raw,
    Read,
    Reply,
    Shell,
    Sleep,
    StreamError,
    Text,
    Think,
    Tool,
    Write,
)
from agent_runner.recorder.models.server import ModelServer

__all__ = [
    "Action",
    "Cut",
    "Finish",
    "Http",
    "ModelServer",
    "Raw",
    "Read",
    "Reply",
    "Shell",
    "Sleep",
    "StreamError",
    "Text",
    "Think",
    "Tool",
    "Write",
]
