"""An open list of runs after the network was cut, and after Studio restarted."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page

from tests.bench.figures import Figure, spread
from tests.bench.studio.measured_page import context_of, measured_studio, until
from tests.kit.browser import browser
from tests.kit.relay import Relay
from tests.kit.studio import NAMESPACE, Studio
from tests.kit.studio_page import sign_in
from tests.kit.studio_runs import EPOCHS, put_running, running

NAME = "open"
ROW = "document.querySelector('a.run-link')?.closest('[role=row]').textContent"
SIGN_IN = "[...document.querySelectorAll('h1')].some((heading) => heading.textContent === 'Sign in again')"
OUTAGE_SECONDS = 5
CUTS, RESTARTS = 10, 5


def recovery() -> list[Figure]:
    """Measure how soon an open page goes on by itself, in Chromium."""
    with measured_studio() as app, browser() as chromium:
        put_running(app, NAME, epoch=1)
        return [
            Figure(
                f"network back after {OUTAGE_SECONDS} s -> missed epoch in the list",
                "-",
                spread(_after_cuts(chromium, app)),
            ),
            Figure(
                f"Studio back after {OUTAGE_SECONDS} s -> an open page asks for a new sign-in",
                "-",
                spread(_after_restarts(chromium, app)),
            ),
        ]


def _after_cuts(chromium: Browser, app: Studio) -> list[float]:
    relay = Relay(int(app.url.rpartition(":")[2]))
    seconds = []
    with relay.running(), _list_of_runs(chromium, f"http://localhost:{relay.port}") as page:
        for index in range(CUTS):
            epoch = 2 + index % (EPOCHS - 2)
            with relay.cut():
                app.set_status("trainingjobs", NAME, **running(epoch))
                time.sleep(OUTAGE_SECONDS)
            begin = time.monotonic()
            until(page, f"{ROW}?.includes('{epoch}/{EPOCHS}')")
            seconds.append(time.monotonic() - begin)
    return seconds


def _after_restarts(chromium: Browser, app: Studio) -> list[float]:
    seconds = []
    for _ in range(RESTARTS):
        with _list_of_runs(chromium, app.url) as page:
            app.process.stop()
            time.sleep(OUTAGE_SECONDS)
            app.process.start()
            begin = time.monotonic()
            until(page, SIGN_IN)
            seconds.append(time.monotonic() - begin)
    return seconds


@contextmanager
def _list_of_runs(chromium: Browser, address: str) -> Iterator[Page]:
    """Opens the list in a session of its own."""
    with context_of(chromium) as context, context.new_page() as page:
        page.goto(f"{address}/?namespace={NAMESPACE}")
        sign_in(page)
        until(page, f"{ROW} !== undefined")
        yield page
