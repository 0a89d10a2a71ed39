"""The accessibility check restores the light scheme and motion without a running transition."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.kit.axe import assert_accessible
from tests.kit.browser import browser, opened

# The transition lasts longer than the test, so a transition that has begun still runs at its end.
PAGE = """data:text/html,<!doctype html><html lang="en"><title>Colours</title><style>
body { color: black; background: white }
@media (prefers-color-scheme: dark) { body { color: white; background: black } }
@media (prefers-reduced-motion: no-preference) { body { transition: color 600s, background-color 600s } }
</style><main><h1>Colours</h1></main>"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as chromium:
        yield chromium


def test_no_transition_runs_after_a_check(chromium: Browser) -> None:
    with opened(chromium, PAGE) as page:
        assert_accessible(page, "first")
        assert page.evaluate("matchMedia('(prefers-reduced-motion: no-preference)').matches")
        assert page.evaluate("matchMedia('(prefers-color-scheme: light)').matches")
        assert page.evaluate("() => document.getAnimations().length") == 0
        assert_accessible(page, "second")
