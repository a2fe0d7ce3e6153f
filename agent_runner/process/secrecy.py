"""Which values are secret: by their name, by their look, and by where they stand. No I/O.

A value is masked in running text if it has SHORTEST_SECRET characters and one of these holds:

1. its name says that it is secret (`_SECRET_NAME`), and not that it is a place (`_PLACE_NAME`);
2. it looks like a key of a known kind (`_KEYS`);
3. its name says neither that it is ordinary (`_ORDINARY_NAME`), and it is no number, path, address,
   version or date, and no word or words of fewer than LONGEST_WORD characters (`is_opaque`).

Rule 3 is for values that somebody has put into an environment or a header. A variable that the
service inherited, and what stands among other words, is secret by 1 and 2 alone.
"""

from __future__ import annotations

import re

SHORTEST_SECRET = 8

LONGEST_WORD = 16
"""Characters from which on letters and dashes alone are no longer taken for words."""

_SECRET_NAME = re.compile(
    r"KEY(?!BOARD|WORD|CODE)|TOKEN(?!S|IZ)|SECRET|PASS(?!IVE|THROUGH|_?ON)|PASSWD|PSWD|_PWD|PWD_"
    r"|CREDENTIAL|AUTH(?!OR(?!IZ)|_?SOCK)|COOKIE|BEARER|JWT|PRIVATE|SIGNATURE|(?:^|[_-])PAT(?:$|[_-])"
    r"|(?:^|[_-])(?:DSN|SIG|SID|PIN|OTP)(?:$|[_-])|SESSION_?ID|CONNECTION_?STRING",
    re.IGNORECASE,
)
_PLACE_NAME = re.compile(r"(?:FILE|PATH|DIR|FOLDER|SOCK|SOCKET|HELPER|TYPE|MODE)$", re.IGNORECASE)
_ORDINARY_NAME = re.compile(
    r"(?:^|[_-])(?:PATH|HOME|DIR|FILE|FOLDER|ROOT|CWD|PWD|TMP|TEMP|TMPDIR|LANG|LANGUAGE|LC|TZ|TERM"
    r"|SHELL|EDITOR|USER|USERNAME|LOGNAME|NAME|EMAIL|HOST|HOSTNAME|PORT|ADDR|ADDRESS|URL|URI|BASE"
    r"|ENDPOINT|PROXY|REGION|ZONE|LOCALE|MODEL|MODE|ENV|ENVIRONMENT|LEVEL|LOG|DEBUG|VERBOSE|VERSION"
    r"|FORMAT|TYPE|OPTIONS|OPTS|FLAGS|TIMEOUT|LIMIT|MAX|MIN|COUNT|SIZE|COLOR|PROFILE|PROJECT|ACCEPT"
    r"|CONTENT|AGENT|ORIGIN|REFERER|ENCODING|CACHE|XDG)(?:$|[_-])",
    re.IGNORECASE,
)
_KEYS = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:sk|pk|rk|fk|ak|gsk|hf|xai|r8|npm|pypi|dop|shpat|lin_api|ntn|pplx)[-_][A-Za-z0-9_-]{12,}"
    r"|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{10,}"
    r"|A[KS]IA[A-Z0-9]{12,}|AIza[\w-]{30,}|ya29\.[\w-]{16,}|whsec_[A-Za-z0-9+/=]{16,}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"
    r")"
)
_NUMBERS = re.compile(r"[\d.,:/+%xX-]+")
_PATH = re.compile(r"(?:~|\.{1,2})?/|--?[A-Za-z]|[a-z][a-z0-9+.-]*://|\$")
_WORD = re.compile(r"[^\W\d_]+|\w{1,3}")
_PIECES = re.compile(r"[_./,:@=-]+")
_SCHEME = re.compile(r"(?:Bearer|Basic|Token|Digest|ApiKey)\s+", re.IGNORECASE)


def says_secret(name: str) -> bool:
    """True if a name says that its value is secret."""
    return bool(_SECRET_NAME.search(name)) and not _PLACE_NAME.search(name)


def keys_in(text: str) -> list[tuple[int, int]]:
    """Where keys of a known kind stand in `text`."""
    return [match.span() for match in _KEYS.finditer(text)]


def is_opaque(value: str) -> bool:
    """True for what is no number, word, path, address, version or date."""
    return any(_is_opaque_word(word) for word in _SCHEME.sub("", value, count=1).split())


def _is_opaque_word(word: str) -> bool:
    if len(word) < SHORTEST_SECRET or _NUMBERS.fullmatch(word) or _PATH.match(word):
        return False
    if len(word) >= LONGEST_WORD:
        return True
    return not all(_WORD.fullmatch(piece) or piece.isdigit() for piece in _PIECES.split(word))


def masked_in_text(name: str, value: str, *, given: bool) -> bool:
    """True if `value` is masked wherever it is printed; `given`: rule 3 of the module counts."""
    if len(value) < SHORTEST_SECRET:
        return False
    if says_secret(name) or keys_in(value):
        return True
    return given and not _ORDINARY_NAME.search(name) and is_opaque(value)
