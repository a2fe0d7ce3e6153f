"""Writes the page's types of the API: web/engine/src/schema.d.ts (make types).

    .venv/bin/python .ci/schema.py [FILE]

They come from the OpenAPI document at default settings, by web's
openapi-typescript. The first line of the file has the document's SHA-256.
"""

import hashlib
import json
import sys
import tempfile
from pathlib import Path

import npm

from agent_runner.api.application import ENDPOINTS
from agent_runner.api.openapi import openapi
from agent_runner.settings import Settings

TYPES = npm.WEB / "engine" / "src" / "schema.d.ts"


def document() -> str:
    """The document; its version is none, so that a release changes no types."""
    return json.dumps(openapi(ENDPOINTS, "", Settings()), sort_keys=True, indent=1)


def first_line(text: str) -> str:
    """What tells of which document a file's types are."""
    return f"// openapi.json sha256:{hashlib.sha256(text.encode()).hexdigest()} (make types)\n"


def types(text: str) -> str:
    """The types of the document `text`."""
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder, "openapi.json"), Path(folder, "schema.d.ts")
        source.write_text(text, "utf-8")
        # A field that has a default may be left out: it is not the same as null.
        flags = ("--default-non-nullable", "false", "--output", str(made))
        done = npm.run("run", "types", "--", str(source), *flags)
        if done.returncode:
            sys.exit(done.stdout)
        return first_line(text) + made.read_text("utf-8")


if __name__ == "__main__":
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else TYPES
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(types(document()), "utf-8")
