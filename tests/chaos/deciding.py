"""Somebody who answers whatever waits, whatever becomes of the service."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Literal

import httpx

from tests.conftest import Service

Rule = Callable[[dict[str, Any]], Literal["approve", "reject"] | None]


class Decider(threading.Thread):
    """Looks for pending approvals and decides as `rule` says; None leaves one for later."""

    def __init__(self, service: Service, rule: Rule) -> None:
        super().__init__(daemon=True)
        self._service, self._rule = service, rule
        self.decided = 0
        self.refused: list[str] = []
        self.over = False

    def run(self) -> None:
        """Decide until told to stop."""
        while not self.over:
            try:
                with self._service.client() as client:
                    while not self.over:
                        self._look(client)
                        time.sleep(0.01)
            except (httpx.HTTPError, OSError, ValueError):
                time.sleep(0.02)

    def _look(self, client: httpx.Client) -> None:
        page = client.get("/approvals", params={"state": "pending", "limit": 200})
        for approval in page.json().get("approvals", ()):
            if (word := self._rule(approval)) is None:
                continue
            body = {"decision": word, "inputHash": approval["inputHash"]}
            answer = client.post(f"/approvals/{approval['approvalId']}/decide", json=body)
            self.decided += answer.is_success
            # Its run may have ended since; while a service stops it takes no decision.
            if not answer.is_success and answer.status_code not in (409, 410, 503):
                self.refused.append(answer.text)
