#!/bin/sh
# Resolves the dependency locks anew (make lock). Needs uv on PATH.
set -eu
cd "$(dirname "$0")/.."
compile() {
  uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
    --no-annotate --extra tui pyproject.toml "$@"
}
compile --group dev --group bench -o .ci/locks/dev.txt
sed 's/ *--hash=.*//; s/ \\$//; /^ *$/d' .ci/locks/dev.txt > .ci/locks/.pins
compile -c .ci/locks/.pins --group build -o .ci/locks/run.txt
compile -c .ci/locks/.pins --group build --group real -o .ci/locks/real.txt
rm .ci/locks/.pins
