"""`python -m tests.demo.studio_pictures FOLDER`: takes the pictures of docs/studio.md on the local cluster."""

import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from tests.kit import buckets
from tests.kit.browser import opened
from tests.kit.digits_model import DRAWN
from tests.kit.jobs import DIGITS, Namespace, digits, digits_file
from tests.kit.kubectl import apply, kubectl
from tests.kit.studio_cluster import create_user, studio_in_browser
from tests.kit.studio_page import open_step, sign_in

NAMESPACE = "vision"
SIZE = (1280, 800)
COLOURS = 128
TRAINED_MS = 300_000
REFUSED = ("status of 401", "status of 503")
"""Before the sign-in, and while a server starts."""
RATES = {"digits": "0.003", "digits-slow": "0.0003", "digits-fast": "0.03"}
"""Learning rates by the names of the trainings."""


def prepare() -> None:
    """Create the namespace with trainings of several learning rates."""
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait")
    apply(*buckets.namespace_with_credentials(NAMESPACE, *buckets.credentials()))
    store = buckets.connect()
    with tempfile.TemporaryDirectory() as folder:
        buckets.fill(store, DIGITS["spec"]["data"]["bucket"], [digits_file(Path(folder))])
    buckets.fill(store, DIGITS["spec"]["results"]["bucket"], [])
    for name, rate in RATES.items():
        optimizer = {"name": "Adam", "learning_rate": float(rate)}
        Namespace(NAMESPACE).apply(
            digits(
                name,
                training__epochs=30,
                training__callbacks=[],
                training__optimizer=optimizer,
                results__evaluation=True,
                results__exports=["onnx"],
            )
        )


def take(page: Page, address: str, save: Callable[[str], None]) -> None:
    """Walk through the pages, and save a picture of each.

    Args:
        page: A signed-in page.
        address: Address of Studio.
        save: Saves what the page shows under a name.
    """
    here = f"?namespace={NAMESPACE}"
    page.goto(f"{address}/{here}")
    expect(page.get_by_role("row").filter(has_text="Complete")).to_have_count(len(RATES), timeout=TRAINED_MS)
    save("runs")
    page.goto(f"{address}/runs/TrainingJob/{NAMESPACE}/digits{here}")
    expect(page.get_by_text("All values of loss")).to_be_visible()
    save("run")
    page.goto(f"{address}/compare{here}&" + "&".join(f"run=TrainingJob/{NAMESPACE}/{name}" for name in RATES))
    page.locator("#curves").evaluate("element => element.scrollIntoView()")  # a chart is drawn on the screen alone
    expect(page.locator(".chart canvas").first).to_be_visible()
    save("compare")
    page.goto(f"{address}/modeler{here}&template=digits")
    page.locator('.node[aria-label^="Conv2D"]').click()
    expect(page.locator(".edge-shape").filter(has_text="6×6×16")).to_be_visible()
    save("modeler")
    page.goto(f"{address}/new{here}&template=digits")
    open_step(page, "data")
    page.get_by_label("Storage", exact=True).select_option("minio-credentials")
    expect(page.get_by_role("img", name="Sample 12")).to_be_visible()
    page.locator("#step-data .step-head").evaluate("element => element.scrollIntoView()")
    page.locator(".notices button").click()
    save("new-run")
    page.goto(f"{address}/models{here}")
    page.get_by_role("button", name="Deploy digits", exact=True).click()
    page.get_by_label("It takes").select_option("Digit")
    page.get_by_role("dialog").get_by_role("button", name="Deploy").click()
    pad = page.get_by_role("application", name="Drawing pad")
    expect(pad).to_be_visible(timeout=TRAINED_MS)
    box = pad.bounding_box()
    assert box is not None
    first, *others = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in DRAWN[0]]
    page.mouse.move(*first)
    page.mouse.down()
    for place in others:
        page.mouse.move(*place, steps=8)
    page.mouse.up()
    expect(page.locator(".found strong")).to_be_visible()
    save("model")
    page.goto(f"{address}/storage{here}")
    expect(page.get_by_label("Access key")).to_be_visible()
    save("storage")


def main(folder: str) -> None:
    """Take all pictures."""
    prepare()
    token = create_user(NAMESPACE, "ada", "edit")
    with (
        studio_in_browser() as (chromium, address),
        opened(chromium, address, size=SIZE, complains=REFUSED) as page,
    ):

        def save(name: str) -> None:
            page.wait_for_load_state("networkidle") if name == "sign-in" else page.wait_for_timeout(1000)
            picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            picture.quantize(COLOURS).save(Path(folder, f"studio-{name}.png"), optimize=True)

        expect(page.get_by_label("Token of Kubernetes")).to_be_visible()
        save("sign-in")
        sign_in(page, token)
        take(page, address, save)
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")


if __name__ == "__main__":
    main(*sys.argv[1:])
