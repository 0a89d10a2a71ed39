"""The way through each page of Studio on the cluster, from the keys of a storage to a photograph's answer."""

import json
import re

from playwright.sync_api import FilePayload, Page, expect

from tests.kit import buckets
from tests.kit.browser import opened
from tests.kit.digits_model import photograph
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import get
from tests.kit.studio_cluster import create_user, studio_in_browser
from tests.kit.studio_page import node, open_step, sign_in
from tests.unit.cli.importers.flows import digits as flow_of_digits

RUN, OTHER = "drawn", "applied"
SECRET = "from-studio"
SIZE = (1360, 860)
REFUSED = ("status of 401", "status of 409", "status of 503")
"""Before the sign-in; after a change of the operator; while a server starts."""
TRAINED_MS = 240_000
SERVED_MS = 120_000


def connect(page: Page, namespace: Namespace) -> None:
    """Stores the keys of MinIO in a Secret, and creates two buckets."""
    page.get_by_role("link", name="Storage").click()
    access_key, secret_key = buckets.credentials()
    page.get_by_label("Name of the Secret").fill(SECRET)
    page.get_by_label("Access key").fill(access_key)
    page.get_by_label("Secret key").fill(secret_key)
    page.get_by_label("Create two buckets if they are missing").check()
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("heading", name="The storage is connected")).to_be_visible()
    for part in ("data", "results"):
        expect(page.get_by_role("listitem").filter(has_text=f"{namespace.name}-{part}")).to_be_visible()
    assert set(get("secret", SECRET, namespace=namespace.name)["data"]) == {"accessKey", "secretKey"}


def convert(page: Page) -> None:
    """Imports a flow of 2018, and exports its network as a script of Keras."""
    page.get_by_role("link", name="Modeler").click()
    flow = FilePayload(name="old.nnd", mimeType="application/json", buffer=json.dumps(flow_of_digits()).encode())
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


def compare(page: Page, namespace: Namespace) -> None:
    """Compares the run, when it is complete, with a run of kubectl."""
    page.get_by_role("button", name="Deploy").wait_for(timeout=TRAINED_MS)
    namespace.complete(OTHER)
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Runs").click()
    for name in (RUN, OTHER):
        row = page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
        row.get_by_role("checkbox").check()
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_role("row").filter(has_text="learning_rate")).to_contain_text("0.01")
    chart = page.get_by_role("region", name="val_loss", exact=True)
    chart.scroll_into_view_if_needed()
    expect(chart.locator("canvas")).to_be_visible()
    expect(chart.get_by_role("row")).to_contain_text(["Value", RUN, OTHER])


def serve(page: Page) -> None:
    """Deploys the model for photographs, asks it in JSON, and gives it a photograph."""
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Models").click()
    page.get_by_role("button", name=f"Deploy {RUN}", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("It takes").select_option("Photographs")
    dialog.get_by_role("button", name="Deploy").click()
    photographs = page.get_by_label("Choose photographs")
    expect(photographs).to_be_attached(timeout=SERVED_MS)
    picture = FilePayload(name="seven.jpg", mimeType="image/jpeg", buffer=photograph(7))
    photographs.set_input_files(picture)
    expect(page.locator(".found strong")).to_have_text(re.compile("^[0-9]$"))
    expect(page.locator(".bars .class").first).to_have_text(re.compile("[0-9]"))


def test_a_network_is_drawn_trained_compared_served_and_tried(namespace: Namespace) -> None:
    token = create_user(namespace.name, "eve", "edit")
    namespace.apply(digits(OTHER, training__epochs=2, training__optimizer={"name": "Adam", "learning_rate": 0.01}))
    with studio_in_browser() as (chromium, address):
        where = f"{address}/?namespace={namespace.name}"
        with opened(chromium, where, size=SIZE, complains=REFUSED) as page:
            sign_in(page, token)
            connect(page, namespace)
            convert(page)
            draw(page, namespace)
            start(page, namespace)
            compare(page, namespace)
            serve(page)
    assert namespace.job(RUN)["status"]["state"] == "Complete"
    served = get("modelserver", RUN, namespace=namespace.name)["spec"]
    assert (served["source"]["trainingJobRef"]["name"], served["images"]["mode"]) == (RUN, "Resize")
