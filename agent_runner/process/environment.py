"""The environment of a child: an allow-list of ours, the CLI's own names, the agent's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
_COMMON_PREFIX = "LC_"
_NEVER = ("AGENT_RUNNER_TOKEN",)


def child_environment(
    parent: Mapping[str, str],
    allowed: Iterable[str],
    *layers: Mapping[str, str],
) -> dict[str, str]:
    """What a child gets: COMMON and `allowed` names from `parent`, then each layer over it."""
    names = {*COMMON, *allowed}
    env = {
        name: value
        for name, value in parent.items()
        if name in names or name.startswith(_COMMON_PREFIX)
    }
    for layer in layers:
        env.update(layer)
    for name in _NEVER:
        env.pop(name, None)
    return env
