"""Steps on the pages of Studio that several tests take."""

from playwright.sync_api import Locator, Page, expect

from tests.kit.studio import EDITOR

NODE = '.node[aria-label^="{}"]'
"""Selects a node of the canvas by the begin of its name."""


def sign_in(page: Page, token: str = EDITOR) -> None:
    """Signs in with a token. Default: that of the editor of a Studio with a fake API server."""
    page.get_by_label("Token of Kubernetes").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def node(page: Page, name: str) -> Locator:
    """Returns a node of the canvas by the begin of its name."""
    return page.locator(NODE.format(name))


def open_step(page: Page, name: str) -> None:
    """Opens a step of the page New run."""
    head = page.locator(f"#step-{name} .step-head")
    if head.get_attribute("aria-expanded") == "false":
        head.click()
    expect(head).to_have_attribute("aria-expanded", "true")
