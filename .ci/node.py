"""Node.js of PyPI, in .venv: where it is, and the modules of web/ by its npm. Standard library."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
WEB = ROOT / "web"


def node_environment() -> dict[str, str]:
    """The environment in which `node` and `npm` are those of .venv."""
    return {**os.environ, "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
