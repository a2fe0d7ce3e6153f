"""The link that opens the page and logs the browser in."""

from __future__ import annotations

import httpx

from agent_runner import quoting

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (where nobody can go to)


def page_link(url: str, token: str | None) -> str:
    """The page of the service at `url`.

    The token stands in the fragment, which no browser sends: no log has it, no other site.
    """
    page = httpx.URL(url)
    page = page.copy_with(host=_ANY.get(page.host, page.host), path=f"{page.path.rstrip('/')}/")
    return f"{page}#token={quoting.fragment(token)}" if token else str(page)
