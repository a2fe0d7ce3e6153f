#!/bin/sh
# Resolves the dependency locks anew (make lock). Needs uv on PATH.
set -eu
cd "$(dirname "$0")/.."
lock() {
  uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
    --no-annotate "$@"
}
compile() {
  lock --extra tui pyproject.toml "$@"
}
pins() {
  sed 's/ *--hash=.*//; s/ \\$//; /^ *$/d' "$@" > .ci/locks/.pins
}
compile --group dev --group bench -o .ci/locks/dev.txt
lock --group pyproject.toml:web -o .ci/locks/web.txt
pins .ci/locks/dev.txt .ci/locks/web.txt
compile -c .ci/locks/.pins --group build -o .ci/locks/run.txt
compile -c .ci/locks/.pins --group build --group real -o .ci/locks/real.txt
rm .ci/locks/.pins
