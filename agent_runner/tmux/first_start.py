"""Settles a CLI's first-start questions in its own configuration, before it starts.

The folder may be the user's own, in use by other processes of the CLI: only what is missing
is added, in one rename, and a file that is not understood stays as it is.
"""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any


def plant(path: str, values: dict[str, Any]) -> bool:
    """Add `values` to the JSON file; False if it has them all, or is no JSON object."""
    try:
        with open(path, encoding="utf-8") as file:
            present = json.load(file)
    except FileNotFoundError:
        present = {}
    except (OSError, ValueError):
        return False
    if not isinstance(present, dict) or not _merge(present, values):
        return False
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o600
    descriptor, new = tempfile.mkstemp(dir=folder, prefix=".seed-")
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(present, file, indent=2)
        os.chmod(new, mode)
        os.replace(new, os.path.realpath(path))
    except BaseException:
        os.unlink(new)
        raise
    return True


def _merge(present: dict[str, Any], values: dict[str, Any]) -> bool:
    changed = False
    for name, value in values.items():
        there = present.get(name)
        if isinstance(value, dict) and isinstance(there, dict):
            changed |= _merge(there, value)
        elif isinstance(value, list) and isinstance(there, list):
            missing = [item for item in value if item not in there]
            there += missing
            changed |= bool(missing)
        elif there is None or (there is False and value is True):
            present[name] = value
            changed = True
    return changed
