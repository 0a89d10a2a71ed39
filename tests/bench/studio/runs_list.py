"""The list of 1,000 runs: its filter, the epochs of a run, and many updates."""

import time
from statistics import median

from playwright.sync_api import BrowserContext, Page

from tests.bench.figures import Figure, percentile, spread
from tests.bench.studio.measured_page import (
    RECORD_LONG_TASKS,
    long_tasks,
    longest,
    measured_studio,
    signed_in,
    until,
)
from tests.kit.studio import NAMESPACE, Studio
from tests.kit.studio_runs import EPOCHS, put_running, running

RUNS = 1000
FILTER_MS, LONG_TASK_MS = 100, 50
EPOCH_CHANGES, EPOCH_SECONDS = 40, 1.0
UPDATES_A_SECOND, UPDATE_SECONDS = 50, 20
COUNT = "document.querySelector('.segments .count')?.textContent"
LINKS = "document.querySelectorAll('a.run-link')"
FILTERED = """([text]) => {
  const field = document.querySelector('input[type="search"]');
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, text);
  const begin = performance.now();
  field.dispatchEvent(new Event("input", { bubbles: true }));
  return begin;
}"""


def runs_list() -> list[Figure]:
    """Measures the list of runs in Chromium."""
    with measured_studio() as app:
        for index in range(RUNS):
            put_running(app, name_of(index), epoch=1 + index % 7)
        with signed_in(app) as context:
            return [
                *_filtered(context, app),
                *_epochs(context, app),
                *_updated(context, app),
            ]


def name_of(index: int) -> str:
    """Returns the name of a run."""
    return f"run-{index:04}"


def _page(context: BrowserContext, app: Studio) -> Page:
    """Returns a page on which all runs are listed."""
    page = context.new_page()
    page.goto(f"{app.url}/?namespace={NAMESPACE}", wait_until="commit")
    until(page, f"{COUNT} === '{RUNS}' && {LINKS}.length > 0")
    return page


def _filtered(context: BrowserContext, app: Studio) -> list[Figure]:
    page = _page(context, app)
    times = []
    for index in range(0, RUNS, RUNS // 20):
        name = name_of(index)
        begin = page.evaluate(FILTERED, [name])
        only = f"{LINKS}.length === 1 && {LINKS}[0].textContent === '{name}'"
        times.append(until(page, only) - begin)
        page.evaluate(FILTERED, [""])
        until(page, f"{LINKS}.length > 1")
    page.close()
    return [Figure("a filter of them shown", "-", spread(times, "ms"), f"{FILTER_MS} ms", median(times) <= FILTER_MS)]


def _epochs(context: BrowserContext, app: Studio) -> list[Figure]:
    page = _page(context, app)
    name = page.locator("a.run-link").first.inner_text()
    row = f"{LINKS}[0].closest('[role=row]').textContent"
    seconds = []
    for index in range(EPOCH_CHANGES):
        epoch = 1 + index % (EPOCHS - 1)
        begin = time.monotonic()
        app.set_status("trainingjobs", name, **running(epoch))
        until(page, f"{row}.includes('{epoch}/{EPOCHS}')")
        seconds.append(time.monotonic() - begin)
    page.close()
    p95 = percentile(seconds, 0.95)
    measured = f"p95 {p95:.3g} s, {spread(seconds)}"
    return [
        Figure("epoch in the status -> in the list", "-", measured, f"p95 {EPOCH_SECONDS:g} s", p95 <= EPOCH_SECONDS)
    ]


def _updated(context: BrowserContext, app: Studio) -> list[Figure]:
    page = _page(context, app)
    page.evaluate(RECORD_LONG_TASKS)
    begin = time.monotonic()
    sent = 0
    while (now := time.monotonic() - begin) < UPDATE_SECONDS:
        while sent < now * UPDATES_A_SECOND:
            app.set_status("trainingjobs", name_of(sent % RUNS), **running(1 + sent // RUNS % 7))
            sent += 1
        time.sleep(0.01)
    tasks = long_tasks(page)
    page.close()
    return [
        Figure(
            f"tasks over {LONG_TASK_MS} ms while {sent / UPDATE_SECONDS:.0f} runs a second change",
            "-",
            f"{len(tasks)} in {UPDATE_SECONDS} s, {longest(tasks)}",
            "0",
            not tasks,
        )
    ]
