"""Pages of Studio that stay open while Studio restarts, or while the network is cut. No test asks them to reconnect."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.kit.browser import browser, opened
from tests.kit.relay import Relay
from tests.kit.studio import NAMESPACE, Studio, studio
from tests.kit.studio_page import sign_in
from tests.kit.studio_runs import EPOCHS, put_running, running

NAME = "open"
RUNS = f"/?namespace={NAMESPACE}"
RUN = f"/runs/TrainingJob/{NAMESPACE}/{NAME}"
COMPLAINS = ("status of 401", "status of 404", "net::ERR_")
"""Errors that a browser reports: no session, no file yet, no connection."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with studio(tmp_path_factory.mktemp("studio")) as app:
        app.put_secret()
        put_running(app, NAME, epoch=1)
        yield app


@contextmanager
def pages_at(chromium: Browser, app: Studio, address: str) -> Iterator[tuple[Page, Page]]:
    """Opens the page of the list and the page of a run, in one browser session, with epoch 1."""
    app.set_status("trainingjobs", NAME, **running(1))
    with opened(chromium, address + RUNS, complains=COMPLAINS) as runs:
        sign_in(runs)
        run = runs.context.new_page()
        run.goto(address + RUN)
        expect_epoch(runs, run, 1)
        yield runs, run


def expect_epoch(runs: Page, run: Page, epoch: int) -> None:
    for page in (runs, run):
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(runs.locator('[role="row"]', has_text=NAME)).to_contain_text(f"{epoch}/{EPOCHS}")
    expect(run.get_by_text(f"epoch {epoch} of {EPOCHS}")).to_be_visible()


def expect_lost(*pages: Page) -> None:
    for page in pages:
        expect(page.get_by_text("Not connected")).to_be_visible()


def test_pages_recover_from_a_restart_after_a_new_sign_in(chromium: Browser, app: Studio) -> None:
    with pages_at(chromium, app, app.url) as (runs, run):
        app.process.stop()
        expect_lost(runs, run)
        app.set_status("trainingjobs", NAME, **running(2))
        app.process.start()
        for page in (runs, run):
            expect(page.get_by_role("heading", name="Sign in again")).to_be_visible()
        for page in (runs, run):
            sign_in(page)
        expect_epoch(runs, run, 2)
        assert (runs.url, run.url) == (app.url + RUNS, app.url + RUN)


def test_pages_recover_from_a_cut_connection(chromium: Browser, app: Studio) -> None:
    relay = Relay(int(app.url.rpartition(":")[2]))
    with relay.running(), pages_at(chromium, app, f"http://localhost:{relay.port}") as (runs, run):
        with relay.cut():
            expect_lost(runs, run)
            app.set_status("trainingjobs", NAME, **running(2))
        expect_epoch(runs, run, 2)
