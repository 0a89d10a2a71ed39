"""Accessibility of pages, by axe: https://github.com/dequelabs/axe-core."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SCHEMES = ("light", "dark")


def assert_accessible(page: Page, state: str) -> None:
    """Checks that a page has a heading and axe finds nothing on it, in light and in dark.

    Args:
        page: The page, in the state to check.
        state: Name of the state, for the message.
    """
    # A page of Studio whose code is still being loaded has no heading yet.
    page.locator("h1:visible").first.wait_for()
    faults = []
    for scheme in SCHEMES:
        # Without motion, so that no colour is half-way between two.
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        for violation in Axe().run(page).response["violations"]:
            places = "; ".join(node["html"][:200] for node in violation["nodes"][:3])
            faults.append(f"{state}, {scheme}: {violation['id']}: {violation['help']}: {places}")
    # Light before motion: with both at once, the transition of the colours still runs when the next check starts.
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    # Chromium applies an emulated medium at its next style update, and getAnimations() forces one.
    page.evaluate("() => document.getAnimations().length")
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    assert faults == [], "\n".join(faults)
