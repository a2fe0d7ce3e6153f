"""What a page shows of a conversation, held against what the API has of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Error, Page

from tests.conftest import Service
from tests.helpers.frames import blocks, data_of

PATIENCE_S = 20.0

_NODES = """() => [...document.querySelectorAll(
  '.log [data-run], .log article[data-turn]'
)].map((node) => {
  const words = (one) => one?.querySelector('.words')?.textContent ?? null;
  if (node.dataset.run === undefined) {
    if (node.closest('[data-run]') !== null) return null;
    const text = words(node) ?? node.querySelector('.says')?.textContent;
    return { turn: node.dataset.turn, text };
  }
  const [user, agent] = ['.user', '.agent'].map((name) => node.querySelector(`article${name}`));
  const all = (query, read) => [...(agent?.querySelectorAll(query) ?? [])].map(read);
  return {
    run: node.dataset.run,
    state: node.dataset.state ?? null,
    prompt: words(user),
    promptTurn: user?.dataset.turn ?? null,
    answerTurn: agent?.dataset.turn ?? null,
    said: all('.says', (one) => one.textContent.trim()),
    tools: all('.tool-line .tool-subject', (one) => one.textContent),
  };
}).filter((one) => one !== null)"""


def shown(page: Page) -> list[dict[str, Any]]:
    """The nodes of the conversation, in order."""
    found: list[dict[str, Any]] = page.evaluate(_NODES)
    return found


def stored(service: Service, conversation_id: str) -> list[dict[str, Any]]:
    """The same, from the API: turns, and the events of their runs."""
    nodes: dict[str, dict[str, Any]] = {}
    with service.client() as client:
        path = f"/conversations/{conversation_id}"
        turns = client.get(path, params={"last": 50}).json()["turns"]
        for turn in turns:
            run_id = turn["runId"]
            if run_id is None:
                nodes[turn["turnId"]] = {"turn": turn["turnId"], "text": turn["content"]}
                continue
            node = nodes.setdefault(
                run_id, {"run": run_id, "said": [], "tools": [], "answerTurn": None}
            )
            if turn["role"] == "user":
                node |= {"prompt": turn["content"], "promptTurn": turn["turnId"]}
            else:
                node["answerTurn"] = turn["turnId"]
        with client.stream("GET", f"{path}/events?follow=false") as response:
            for event in map(data_of, blocks(response)):
                node = nodes.get(event["runId"], {})
                if event["type"] == "message.completed":
                    node["said"].append(event["text"].strip())
                elif event["type"] == "tool.started":
                    node["tools"].append(str(event["input"].get("command", "")))
                elif event["type"] == "run.finished":
                    node["state"] = event["state"]
    return list(nodes.values())


def is_over(service: Service, conversation_id: str) -> bool:
    """No run of it is under way."""
    return all(node.get("state") is not None for node in stored(service, conversation_id))


def until(condition: Callable[[], bool], what: str = "the condition") -> None:
    """Wait for something beside the page."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} never came true"
        time.sleep(0.02)


def until_same(page: Page, service: Service, conversation_id: str) -> list[dict[str, Any]]:
    """Wait until the page shows just what is stored; AssertionError with both if it never does."""
    wanted: list[dict[str, Any]] = []
    deadline = time.monotonic() + PATIENCE_S
    found: list[dict[str, Any]] = []
    while time.monotonic() < deadline:
        try:
            found = shown(page)
        except Error:  # in the middle of a navigation
            found = []
        wanted = stored(service, conversation_id)
        if found == wanted:
            return found
        page.wait_for_timeout(30)
    raise AssertionError(
        f"shown:\n{json.dumps(found, indent=1)}\nstored:\n{json.dumps(wanted, indent=1)}"
    )


def conversation_of(page: Page) -> str:
    """The conversation that the page's address names."""
    page.wait_for_url("**/chat/*/conv_*")
    return page.url.split("?")[0].rpartition("/")[2]


def say(page: Page, prompt: Any) -> None:
    """Send a prompt as a person does."""
    text = prompt if isinstance(prompt, str) else json.dumps(prompt)
    page.get_by_label("Prompt", exact=True).fill(text)
    page.keyboard.press("Enter")
