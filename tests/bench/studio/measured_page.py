"""A page of Studio that is measured: signed in, on a Studio with a fake API server in this process."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from tests.kit.browser import browser
from tests.kit.studio import PAGES, Studio, studio
from tests.kit.studio_page import sign_in

SIZE = (1400, 1000)
WAIT_MS = 120_000
UNTIL = """([test, seconds]) => new Promise((resolve, reject) => {
  const isTrue = new Function(`return ${test}`);
  const begin = performance.now();
  const look = () => {
    if (isTrue()) requestAnimationFrame(() => resolve(performance.now()));
    else if (performance.now() - begin > seconds * 1000) reject(new Error(`not within ${seconds} s: ${test}`));
    else requestAnimationFrame(look);
  };
  look();
})"""
"""Waits for an expression of JavaScript in each frame, and returns the time of the frame after it, in milliseconds
since the navigation."""


RECORD_LONG_TASKS = """
window.longTasks = [];
new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((entry) => entry.duration)))
  .observe({ type: "longtask" });
"""
"""Records the tasks of the main thread over 50 ms from now on."""


@contextmanager
def measured_studio(**variables: str) -> Iterator[Studio]:
    """Runs a Studio with the Secret of its storage, and variables EPOCHAL_STUDIO_…."""
    with tempfile.TemporaryDirectory() as folder, studio(Path(folder), pages=PAGES, **variables) as app:
        app.put_secret()
        yield app


@contextmanager
def signed_in(app: Studio) -> Iterator[BrowserContext]:
    """Starts Chromium, signed in as the editor."""
    with browser() as chromium, context_of(chromium) as context:
        with context.new_page() as page:
            page.goto(app.url)
            sign_in(page)
        yield context


@contextmanager
def context_of(chromium: Browser) -> Iterator[BrowserContext]:
    """Opens a context for pages. Their policy is bypassed, so that UNTIL can compile expressions."""
    width, height = SIZE
    context = chromium.new_context(viewport={"width": width, "height": height}, bypass_csp=True)
    context.set_default_timeout(WAIT_MS)
    try:
        yield context
    finally:
        context.close()


def until(page: Page, test: str, seconds: float = 60) -> float:
    """Returns when an expression became true, in milliseconds since the navigation."""
    found: float = page.evaluate(UNTIL, [test, seconds])
    return found


class MainThread:
    """The busy time of the main thread of a page, frame by frame.

    Args:
        page: The page.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self._devtools: Any = page.context.new_cdp_session(page)
        self._devtools.send("Performance.enable")

    def busy(self) -> float:
        """Returns the seconds that the main thread has worked."""
        metrics = self._devtools.send("Performance.getMetrics")["metrics"]
        found: float = next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")
        return found

    def frame(self) -> None:
        """Waits for the end of a frame."""
        self._page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def long_tasks(page: Page) -> list[float]:
    """Returns the milliseconds of the tasks since RECORD_LONG_TASKS."""
    tasks: list[float] = page.evaluate("() => window.longTasks")
    return tasks


def longest(tasks: Sequence[float]) -> str:
    """Returns the longest task for a row of the results."""
    return f"longest {max(tasks):.0f} ms" if tasks else "none"
