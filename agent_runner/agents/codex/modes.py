"""What Codex CLI may do unasked: its sandboxes, and when it asks."""

from __future__ import annotations

from typing import Any, NamedTuple


class Mode(NamedTuple):
    """A sandbox and an approval policy, by the CLI's own words."""

    sandbox: str
    approval: str


MODES = {
    "read-only": Mode("read-only", "on-request"),
    "workspace-write": Mode("workspace-write", "on-request"),
    "untrusted": Mode("workspace-write", "untrusted"),
    "never": Mode("workspace-write", "never"),
    "danger-full-access": Mode("danger-full-access", "never"),
}
"""Values of `permissionMode`.

Named by a sandbox, it asks where the model wants to leave that. `untrusted` asks before each
command that is not known to only read. `never` writes in the workspace, and what the sandbox stops
fails. `danger-full-access` has no sandbox and asks nothing.
"""

_POLICIES: dict[str, dict[str, Any]] = {
    "read-only": {"type": "readOnly", "networkAccess": False},
    "workspace-write": {
        "type": "workspaceWrite",
        "writableRoots": [],
        "networkAccess": False,
        "excludeTmpdirEnvVar": False,
        "excludeSlashTmp": False,
    },
    "danger-full-access": {"type": "dangerFullAccess"},
}


def policy(sandbox: str) -> dict[str, Any]:
    """A sandbox as a turn of the app-server takes it."""
    return _POLICIES[sandbox]
