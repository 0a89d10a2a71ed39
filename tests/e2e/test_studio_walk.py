"""The way through Studio on the cluster: a network is imported, drawn, checked by Keras, trained, served and tried."""

import json
import re

from playwright.sync_api import FilePayload, Page, expect

from tests.kit.browser import opened
from tests.kit.jobs import Namespace
from tests.kit.kubectl import kubectl
from tests.kit.studio_cluster import create_user, studio_in_browser
from tests.kit.studio_page import node, open_step, sign_in
from tests.unit.cli.importers.flows import digits

RUN = "drawn"
SIZE = (1360, 860)
REFUSED = ("status of 401", "status of 409", "status of 503")
"""Before the sign-in; after a change of the operator; while a server starts."""
TRAINED_MS = 240_000
SERVED_MS = 120_000


def convert(page: Page) -> None:
    """Imports a flow of 2018, and exports its network as a script of Keras."""
    page.get_by_role("link", name="Modeler").click()
    flow = FilePayload(name="old.nnd", mimeType="application/json", buffer=json.dumps(digits()).encode())
    page.get_by_label("File to import").set_input_files(flow)
    expect(node(page, "Conv2D Conv_2D")).to_be_visible()
    page.get_by_role("button", name="Export…").click()
    dialog = page.get_by_role("dialog", name="Export the network")
    dialog.get_by_role("button", name="Export", exact=True).click()
    expect(dialog.get_by_role("link", name="Download digits-of-2018.py")).to_be_visible()
    dialog.get_by_role("button", name="Close").click()


def draw(page: Page, namespace: Namespace) -> None:
    """Draws the network of the digits with a fault that only Keras finds, corrects it, and saves it."""
    page.get_by_role("link", name="Modeler").click()
    page.get_by_role("link", name="digits").first.click()
    expect(page.locator(".edge-shape").filter(has_text="6×6×16")).to_be_visible()
    page.get_by_label("Name", exact=True).fill(RUN)
    node(page, "Conv2D").click()
    size = page.get_by_label("kernel_size")
    size.fill("9")
    size.press("Enter")
    expect(page.locator(".problems-list")).to_contain_text("Computed output size would be zero or negative")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".problems-head")).to_contain_text("No problems")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name=f"{RUN} is saved")).to_be_visible()
    assert namespace.job(RUN)["spec"]["suspend"] is True
    namespace.wait_state("Suspended", name=RUN)


def start(page: Page, namespace: Namespace) -> None:
    """Previews the data, asks the cluster, and starts the training."""
    page.get_by_role("link", name="Start the training").click()
    open_step(page, "data")
    page.get_by_role("button", name="Change the file for training set").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="digits.npz").click()
    expect(dialog.get_by_text("1,438 × 8 × 8")).to_be_visible()
    expect(dialog.get_by_text("10 classes in").first).to_be_visible()
    dialog.get_by_role("button", name="Use this file").click()
    open_step(page, "resources")
    expect(page.get_by_text("You may not list the nodes")).to_be_visible()  # the role edit has no right to list nodes
    page.get_by_role("button", name="Check with the cluster").click()
    expect(page.get_by_text("The cluster accepts this run")).to_be_visible()
    assert namespace.job(RUN)["spec"]["suspend"] is True
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("heading", name=RUN, exact=True)).to_be_visible()
    assert namespace.job(RUN)["spec"]["suspend"] is False


def serve(page: Page) -> None:
    """Deploys the model as soon as the page shows that it is trained, and asks it."""
    page.get_by_role("button", name="Deploy").click(timeout=TRAINED_MS)
    page.get_by_role("dialog").get_by_role("button", name="Deploy").click()
    page.get_by_role("link", name="Models", exact=True).click()
    page.get_by_role("link", name=f"Try {RUN}").click()
    request = page.get_by_label("In JSON")
    expect(request).to_be_visible(timeout=SERVED_MS)
    request.press("Control+Enter")
    expect(page.locator(".bars .class").first).to_have_text(re.compile("[0-9]"))
    expect(page.get_by_role("rowheader").first).to_be_visible(timeout=30_000)


def test_a_network_is_imported_drawn_trained_served_and_tried(namespace: Namespace) -> None:
    token = create_user(namespace.name, "eve", "edit")
    with studio_in_browser() as (chromium, address):
        where = f"{address}/?namespace={namespace.name}"
        with opened(chromium, where, size=SIZE, complains=REFUSED) as page:
            sign_in(page, token)
            convert(page)
            draw(page, namespace)
            start(page, namespace)
            serve(page)
    assert namespace.job(RUN)["status"]["state"] == "Complete"
    served = kubectl("get", "msv", RUN, "--namespace", namespace.name, "--output", "jsonpath={.spec.source}")
    assert RUN in served
