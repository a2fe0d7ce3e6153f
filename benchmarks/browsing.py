"""The page in a headless Chromium: from a CLI's line to a pixel, scrolling, tabs, long answers."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from agent_runner.cli.page_link import page_link
from benchmarks.bench_history import DATABASE, add_agents, add_conversation, texts
from benchmarks.harness import HERE, Service, median, quantile, row, service, verdict

PIXEL_MS = 50.0
FRAME_MS = 20.0
ABOVE_BYTES = 50_000
WORDS, GAP_S = 400, 0.025
BUBBLES = 10_000
AGENTS, CONVERSATIONS = 200, 5
TABS = 10
ANSWER_BYTES = 10_000_000
SCROLL_S = 4.0
PATIENCE_MS = 120_000
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-sync"),
    *("--disable-background-networking", "--enable-precise-memory-info"),
)

_WORDS = """() => {
  window.samples = [];
  const seen = new Set();
  const look = () => {
    const all = document.querySelectorAll('.says');
    const last = all[all.length - 1]?.lastElementChild;
    for (const [, at] of (last?.textContent ?? '').matchAll(/at:(\\d+\\.\\d+)/g)) {
      if (seen.has(at)) continue;
      seen.add(at);
      // The frame after the one that has it begins when that one is drawn.
      requestAnimationFrame(() => {
        window.samples.push(performance.timeOrigin + performance.now() - Number(at) * 1000);
      });
    }
  };
  const about = {subtree: true, childList: true, characterData: true};
  new MutationObserver(look).observe(document.body, about);
}"""
_FRAMES = """() => {
  window.frames_ = [];
  let last = performance.now();
  const next = (now) => { window.frames_.push(now - last); last = now; window.going && go(); };
  const go = () => requestAnimationFrame(next);
  window.going = true;
  go();
}"""
_TASKS = """() => {
  window.tasks = [0];
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) window.tasks.push(one.duration);
  }).observe({type: 'longtask', buffered: true});
}"""
_TALL = "<!doctype html><div style='height: 10000000px; background: linear-gradient(red, blue)'>"


@contextmanager
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        sys.exit(f"no browser: none of {', '.join(PROGRAMS)} is on PATH")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield started
        started.close()


def opened(made: Browser, at: Service, path: str) -> tuple[BrowserContext, Page]:
    """A browser that has logged in, at a view of the page."""
    context = made.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(page_link(f"http://{at.host}:{at.port}", at.token).replace("/#", f"{path}#", 1))
    page.wait_for_selector(".live:has-text('live')")
    return context, page


def register(at: Service) -> None:
    """The agent `coder`."""
    body = {"agentId": "coder", "type": "claude-code", "cwd": str(at.root)}
    headers = {"Authorization": f"Bearer {at.token}"}
    url = f"http://{at.host}:{at.port}/agents/register"
    httpx.post(url, json=body, headers=headers).raise_for_status()


def say(page: Page, order: dict[str, Any]) -> None:
    """Send a prompt as a person does."""
    page.get_by_label("Prompt", exact=True).fill(json.dumps(order))
    page.keyboard.press("Enter")


def scrolled(page: Page, step: int) -> list[float]:
    """Times between frames, in ms, while the wheel turns without a pause."""
    page.evaluate(_FRAMES)
    ends = time.monotonic() + SCROLL_S
    while time.monotonic() < ends:
        page.mouse.wheel(0, step)
    frames: list[float] = page.evaluate("() => { window.going = false; return window.frames_; }")
    return frames[2:]


def line_to_pixel(made: Browser, words: int = WORDS) -> None:
    """How long a word takes from the CLI's write to the frame that shows it."""
    with service(HERE / "flood.sh") as at:
        register(at)
        context, page = opened(made, at, "/chat/coder")
        page.evaluate(_WORDS)
        say(page, {"paced": words, "gap": GAP_S, "above": ABOVE_BYTES})
        page.wait_for_selector("[data-state=succeeded]")
        samples: list[float] = page.evaluate("window.samples")
        context.close()
    p95 = quantile(samples, 0.95)
    row(
        f"CLI's line to pixel below {ABOVE_BYTES // 1000} kB of Markdown, p50 ms",
        f"{median(samples):.1f}",
        "",
        "",
        f"of {len(samples)} words",
    )
    row(
        "  p95 ms",
        f"{p95:.1f}",
        f"{PIXEL_MS:g}",
        f"{p95 / PIXEL_MS:.2f}x",
        f"< {PIXEL_MS:g} ms: {verdict(p95 < PIXEL_MS)}",
    )


def history(root: Path, bubbles: int = BUBBLES, agents: int = AGENTS) -> None:
    """A conversation of many turns, and many agents with some conversations each."""
    state = root / "state"
    state.mkdir(mode=0o700, exist_ok=True)
    names = [f"agent{number:03}" for number in range(agents)]
    with ThreadPoolExecutor() as beside:  # Playwright has a loop in this thread
        beside.submit(lambda: asyncio.run(add_agents(state / DATABASE, names))).result()
    some = [(f"conv_{name}_{n}", name, 2) for name in names for n in range(CONVERSATIONS)]
    made = [("conv_long", names[0], bubbles), *some]
    said = texts(sum(count for *_, count in made))
    with sqlite3.connect(state / DATABASE) as connection:
        for name, agent, count in made:
            add_conversation(connection, name, agent, list(itertools.islice(said, count)))
    connection.close()


def scrolling(made: Browser) -> None:
    """A long conversation and a long list, beside a long page with nothing in it."""
    context = made.new_context(viewport={"width": 1280, "height": 800})
    empty = context.new_page()
    empty.set_content(_TALL)
    empty.mouse.move(600, 400)
    nothing = quantile(scrolled(empty, 700), 0.95)
    context.close()
    with service(HERE / "instant.sh", prepare=history) as at:
        context, page = opened(made, at, "/chat/agent000")
        began = time.monotonic()
        page.goto(f"http://{at.host}:{at.port}/chat/agent000/conv_long")
        page.wait_for_selector(".log article")
        row(
            f"{BUBBLES} bubbles: to the last ones, ms",
            f"{(time.monotonic() - began) * 1000:.0f}",
            "",
            "",
        )
        page.mouse.move(700, 300)
        first = f"[data-turn='conv_long_{1}']"
        began = time.monotonic()
        while page.locator(first).count() == 0:
            page.mouse.wheel(0, -20_000)
            if time.monotonic() - began > PATIENCE_MS / 1000:
                sys.exit("the first turn was never reached")
        row(
            "  scrolled to the first, older ones read on the way, s",
            f"{time.monotonic() - began:.1f}",
            "",
            "",
        )
        p95 = quantile(scrolled(page, 700), 0.95)
        limit = max(FRAME_MS, nothing)
        row(
            "  p95 frame on scroll, ms",
            f"{p95:.1f}",
            f"{nothing:.1f}",
            f"{p95 / nothing:.2f}x",
            f"< {FRAME_MS:g} ms, or an empty page's: {verdict(p95 <= limit)}",
        )
        nodes = page.evaluate("document.querySelectorAll('*').length")
        row("  elements in the page", str(nodes), "", "")
        session = context.new_cdp_session(page)
        session.send("HeapProfiler.collectGarbage")
        heap = page.evaluate("performance.memory.usedJSHeapSize")
        row("  JavaScript's heap, MB", f"{heap / 1e6:.1f}", "", "")
        page.mouse.move(140, 400)
        p95 = quantile(scrolled(page, 300), 0.95)
        row(
            f"{AGENTS} agents in the list: p95 frame on scroll, ms",
            f"{p95:.1f}",
            f"{nothing:.1f}",
            f"{p95 / nothing:.2f}x",
            f"< {FRAME_MS:g} ms, or an empty page's: {verdict(p95 <= limit)}",
        )
        context.close()


def tabs(made: Browser) -> None:
    """What the service has of one browser with many tabs."""
    with service(HERE / "instant.sh") as at:
        register(at)
        context, page = opened(made, at, "/chat/coder")
        pages = [page, *(context.new_page() for _ in range(TABS - 1))]
        for one in pages[1:]:
            one.goto(page.url)
        for one in pages:
            one.wait_for_selector(".live:has-text('live')")
        say(pages[-1], {})
        for one in pages:
            one.wait_for_selector(".side .conv")
        page.wait_for_timeout(20_000)  # connections that are kept for nothing end
        process = psutil.Process(at.process.pid)
        kept = [one for one in process.net_connections() if one.status == "ESTABLISHED"]
        row(
            f"connections of {TABS} tabs, all live",
            str(len(kept)),
            "1",
            "",
            f"= 1: {verdict(len(kept) == 1)}",
        )
        context.close()


def long_answer(made: Browser, size: int = ANSWER_BYTES) -> None:
    """A very long answer, while it comes and when it is there."""
    with service(HERE / "flood.sh") as at:
        register(at)
        context, page = opened(made, at, "/chat/coder")
        page.evaluate(_TASKS)
        began = time.monotonic()
        say(page, {"answer": size})
        page.wait_for_selector("[data-state=succeeded]")
        row(
            f"an answer of {size / 1e6:g} MB: until it is there, s",
            f"{time.monotonic() - began:.1f}",
            "",
            "",
        )
        page.wait_for_timeout(1000)
        longest = page.evaluate("Math.max(...window.tasks)")
        row("  longest task of the page, ms", f"{longest:.0f}", "", "")
        context.close()


def measure() -> None:
    """All of it; the rows are printed."""
    with browser() as made:
        line_to_pixel(made)
        scrolling(made)
        tabs(made)
        long_answer(made)
