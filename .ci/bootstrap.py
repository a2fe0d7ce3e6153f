"""Makes .venv with the locked dependencies and this project in it. Standard library only.

    python3 .ci/bootstrap.py [run|dev|real]

Needs Python 3.11 to 3.13 and a package index, and no pip, venv package, uv or Node: where
the distribution ships Python without ensurepip, pip itself is fetched as a pinned wheel.
Then builds the page, web/, by a Node.js of the package index and the npm registry; goes on
without where they are out of reach. Does nothing if all is up to date.
"""

import hashlib
import os
import re
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import page

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PIP_WHEEL = "pip-26.3-py3-none-any.whl"
PIP_SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
DEFAULT_INDEX = "https://pypi.org/simple"


def main() -> None:
    """Bring .venv to what the chosen lock says."""
    kind = sys.argv[1] if len(sys.argv) > 1 else "run"
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        sys.exit(
            f"Python 3.11 to 3.13 is needed, this is {sys.version.split()[0]}: make PYTHON=..."
        )
    install(kind)
    if kind != "real":
        page.set_up(pip, say, modules=kind == "dev")


def install(kind: str) -> None:
    """Have what the lock of this kind names."""
    lock = ROOT / ".ci" / "locks" / f"{kind}.txt"
    wanted = hashlib.sha256(
        lock.read_bytes() + (ROOT / "pyproject.toml").read_bytes() + sys.version.encode()
    ).hexdigest()
    stamp = VENV / f".installed-{kind}"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    say(f"Setting up .venv ({kind}), once")
    if not PYTHON.exists():
        make_venv()
    # A lock may only add: what `make test` installed stays when `make run` comes after it.
    for words in (
        ("--require-hashes", "--requirement", str(lock)),
        ("--no-deps", "--no-build-isolation", "--editable", str(ROOT)),
    ):
        if not pip("install", *words):
            sys.exit("pip failed; see above. Is the package index reachable?")
    stamp.write_text(wanted)


def make_venv() -> None:
    """An environment with pip in it."""
    with_pip = subprocess.run(
        [sys.executable, "-m", "venv", str(VENV)], capture_output=True, check=False
    )
    if with_pip.returncode == 0:
        return
    say("This Python has no ensurepip: fetching pip")
    subprocess.run(
        [sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV)], check=True
    )
    wheel = VENV / PIP_WHEEL
    wheel.write_bytes(fetch_pip())
    command = [str(PYTHON), f"{wheel}/pip", "install", "--quiet", "--no-index", str(wheel)]
    subprocess.run(command, check=True)


def fetch_pip() -> bytes:
    """The pinned wheel from the index. Its hash is checked, so TLS need not vouch for it."""
    index = os.environ.get("PIP_INDEX_URL", DEFAULT_INDEX).rstrip("/")
    page = get(f"{index}/pip/").decode()
    link = re.search(rf'href="([^"#]*/{re.escape(PIP_WHEEL)})', page)
    if link is None:
        sys.exit(f"{index}/pip/ does not offer {PIP_WHEEL}")
    url = urllib.parse.urljoin(f"{index}/pip/", link.group(1))
    data = get(url)
    if hashlib.sha256(data).hexdigest() != PIP_SHA256:
        sys.exit(f"{url} is not the expected file: its SHA-256 differs")
    return data


def get(url: str) -> bytes:
    """The body at `url`, also on a machine without CA certificates."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return bytes(answer.read())
    except urllib.error.URLError as error:
        if not isinstance(error.reason, ssl.SSLCertVerificationError):
            raise
        context = ssl._create_unverified_context()
        with urllib.request.urlopen(url, timeout=60, context=context) as answer:
            return bytes(answer.read())


def pip(*arguments: str) -> bool:
    """Run the environment's pip, quietly; False if it fails."""
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    return subprocess.run(command, check=False).returncode == 0


def say(text: str) -> None:
    """Tell the person who waits."""
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
