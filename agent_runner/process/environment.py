"""The environment of a child: an allow-list of ours, the CLI's own names, the agent's own."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress

from agent_runner import quoting

# What any program needs to find its files, its language, its proxy and its certificates.
COMMON = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TZ",
    "LANG",
    "LANGUAGE",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
)
PATHS = frozenset(
    (
        *("HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"),
        *(name for name in COMMON if name.startswith("XDG_")),
    )
)
"""Those of COMMON that name one path."""

_COMMON_PREFIX = "LC_"
_SYSTEM = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")
_NEVER = ("AGENT_RUNNER_TOKEN", "AGENT_RUNNER_SERVER__TOKEN")


def led_by(env: Mapping[str, str], program: str) -> dict[str, str]:
    """`env` with a PATH that begins with the folder of `program`, and where a link leads to.

    What installers put beside a program is for it: `#!/usr/bin/env node` would find no node
    otherwise, or one that is too old. A folder of the system's stays where it is in PATH, with
    what the user has put before it.
    """
    path = env.get("PATH", os.defpath).split(os.pathsep)
    folders = dict.fromkeys((os.path.dirname(program), os.path.dirname(os.path.realpath(program))))
    first = [
        one
        for one in quoting.path_entries(folders)
        if os.path.isabs(one) and not (one in _SYSTEM and one in path)
    ]
    return {**env, "PATH": os.pathsep.join([*first, *(one for one in path if one not in first)])}


def _whole(path: str) -> str:
    if path[:1] in ("", os.sep, "~"):
        return path
    with suppress(FileNotFoundError):  # there is no present folder any more
        return os.path.abspath(path)
    return path


def child_environment(
    parent: Mapping[str, str],
    allowed: Iterable[str],
    *layers: Mapping[str, str],
    paths: Collection[str] = (),
) -> dict[str, str]:
    """What a child gets: COMMON and `allowed` names from `parent`, then each layer over it.

    A variable of `parent` that names one path is meant from the folder of the service, not of an
    agent; `paths` are those among `allowed`.
    """
    names = {*COMMON, *allowed}
    env = {
        name: _whole(value) if name in PATHS or name in paths else value
        for name, value in parent.items()
        if name in names or name.startswith(_COMMON_PREFIX)
    }
    for layer in layers:
        env.update(layer)
    for name in _NEVER:
        env.pop(name, None)
    return env
