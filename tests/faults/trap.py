"""A program that must never run, and values that run it where one is read as a language."""

from __future__ import annotations

import os
from pathlib import Path

PWNED = "pwned"

PAYLOADS = (
    # tmux: formats, styles, the end of a command
    "#(pwned)", "y#(pwned)", "##(pwned)", "#{session_name}", "#{?1,#(pwned),b}", "#{E:#(pwned)}",
    "#[fg=red]", "C#Sharp", "a;", "a\\;", ";", ";pwned;", "; run-shell pwned ;", "%0",
    # shells
    "$(pwned)", "`pwned`", "\\`pwned\\`", "| pwned", "&& pwned", "& pwned &", "\npwned\n",
    "'; pwned; '", '"; pwned; "', "'$(pwned)'", '\\"; pwned; \\"', "'\"'; pwned; '\"'", "\\", "\\n",
    "<(pwned)", "> pwned", "{pwned,}", "${IFS}", "a${IFS}b", "$IFS$(pwned)", "$HOME", "$ENV",
    "~", "~root", "!pwned", "!!", "#!pwned", "a b", " lead", "trail ", "\t", "a=b", "a:pwned",
    # globs, regular expressions, formats, templates
    "*", "?", "[a]", "[!a]", "(?i)", "(a+)+$", "%(pwned)", "%(pwned)s", "%s", "%n", "{0}",
    "{0.__class__}", "{}", "{{", "{url}", "{folder}", "{command}", "{home}", "{pid}", "{cwd}",
    "{PATH:3}", "{{url}}", "{{ pwned }}", "<%= pwned %>",
    # flags, git, URLs, SQL, markup, terminals
    "--upload-pack=pwned", "-c core.fsmonitor=pwned", "-", "--", "-e pwned", ":(glob)*", ":!x",
    "ext::sh -c pwned", "@pwned", "@{-1}", "?x=y#z", "%2e%2e%2fpwned", "file:x?mode=rwc",
    "' OR 1=1 --", "'); DROP TABLE runs; --", "<img src=x onerror=pwned>", "[red]x",
    "[link=pwned]x", ":smile:", "\x1b]0;pwned\x07", "é\u2028x",
    '{"a": "b"}', '", "command": "pwned',
)  # fmt: skip
"""None has a slash: each is the name of a folder, too."""


class Trap:
    """`pwned` first in PATH. `sprung` tells who has run it, from where and with what."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "sprung"
        bin_ = folder / "trap"
        bin_.mkdir()
        program = bin_ / PWNED
        program.write_text(
            f'#!/bin/sh\nparent=$(tr "\\0" " " < /proc/$PPID/cmdline)\n'
            f'echo "in $PWD by $parent: $0 $*" >> {self._log}\n'
        )
        program.chmod(0o755)
        (bin_ / f"git-remote-{PWNED}").symlink_to(program)
        self.path = f"{bin_}{os.pathsep}{os.environ['PATH']}"

    @property
    def sprung(self) -> list[str]:
        """A line for each time that it was run."""
        return self._log.read_text().splitlines() if self._log.exists() else []
