"""What this machine offers to hold a process tree together."""

from __future__ import annotations

import sys
from pathlib import Path

from agent_runner.process.proc import PROC_TELLS


def missing() -> list[str]:
    """What the keeper must do without here, and what that costs; empty where it has all."""
    lacks = []
    if sys.platform != "linux":
        lacks.append("no subreaper: a process that leaves its session is not ended with its CLI")
    if not PROC_TELLS:
        lacks.append("no /proc/PID/task/*/children: what a CLI starts cannot be limited or swept")
    if not Path("/proc/self/oom_score_adj").exists():
        lacks.append("no oom_score_adj: short of memory, the system may end the service first")
    return lacks
