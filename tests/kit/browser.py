"""A browser, as people have one: Debian's Chromium. `python tests/cluster browser` installs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Error, Locator, Page, expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
# Everything that a page fetches is on loopback; the browser is not to look for updates, fonts or anything else.
# Names that end in .test are this machine, by plain HTTP of which a browser sends less than to localhost.
# Root has no sandbox, and containers have a small /dev/shm.
OPTIONS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
           "--host-resolver-rules=MAP *.test 127.0.0.1")  # fmt: skip
WIDE = (1100, 900)
NARROW = (360, 780)
MAX_TABS = 60
SECONDS = 30
"""How long an action or an expectation may take: a machine that runs many tests is slow."""


@contextmanager
def browser(program: str | Path = CHROMIUM) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        expect.set_options(timeout=SECONDS * 1000)
        chromium = playwright.chromium.launch(executable_path=program, args=list(OPTIONS))
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def opened(
    browser: Browser, address: str, *, size: tuple[int, int] = WIDE, dark: bool = False, complains: tuple[str, ...] = ()
) -> Iterator[Page]:
    """Opens a page, and makes sure in the end that it ran without an error: violations of its policy are errors, too.

    Args:
        size: Width and height of the window.
        dark: Whether whoever looks at it prefers dark pages.
        complains: What may stand in errors that are meant to be: a browser reports every answer that is a refusal.
    """
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", has_touch=size == NARROW
    )
    context.set_default_timeout(SECONDS * 1000)
    errors: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(item in message.text for item in complains):
            errors.append(f"{message.text} {message.location['url']}")

    def failed(error: Error) -> None:
        errors.append(error.message)

    try:
        page = context.new_page()
        page.on("console", on_console)
        page.on("pageerror", failed)
        page.goto(address)
        try:
            yield page
        except Exception as error:
            error.add_note(f"{page.url} shows:\n{page.locator('body').aria_snapshot()}\nIts errors: {errors}")
            raise
        assert not errors, errors
    finally:
        context.close()


def tab_to(page: Page, target: Locator) -> int:
    """Presses the tabulator key until an element has the focus, and returns how often."""
    expect(target).to_be_visible()
    for presses in range(MAX_TABS):
        if target.evaluate("element => element === document.activeElement"):
            return presses
        page.keyboard.press("Tab")
    raise AssertionError(f"{MAX_TABS} tabulators do not reach {target}")
