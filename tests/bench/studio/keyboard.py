"""MNIST by keyboard alone, on the local cluster: drawn, trained, compared, served and asked."""

import re
import time

import yaml
from playwright.sync_api import Locator, Page, expect

from tests.bench.figures import Figure
from tests.demo.mnist import files
from tests.demo.studio import DATA, RESULTS
from tests.kit import buckets
from tests.kit.browser import opened, tab_to
from tests.kit.cache import CACHE
from tests.kit.jobs import Namespace
from tests.kit.kubectl import apply, kubectl
from tests.kit.studio_cluster import create_user, studio_in_browser
from tests.kit.studio_page import NODE, node, sign_in

MNIST = CACHE / "mnist"
NAMESPACE = "bench-keyboard"
FIRST, SECOND = "mnist", "mnist-2"
SIZE = (1360, 860)
REFUSED = ("status of 401", "status of 409", "status of 503")
"""Before the sign-in; after a change of the operator; while a server starts."""
TRAINED_SECONDS, SERVED_MS = 400, 240_000
MAX_ARROWS = 30
LOOK_MS = 100
"""Time in which a person sees where the focus is."""
LAYERS: tuple[tuple[str, dict[str, str]], ...] = (
    ("Rescaling", {"scale": "0.00392"}),
    ("Conv2D", {"filters": "8", "kernel_size": "3", "activation": "relu"}),
    ("MaxPooling2D", {}),
    ("Flatten", {}),
    ("Dense", {"units": "10", "activation": "softmax"}),
)
FIELDS = {
    "Data": {
        "Storage Secret": buckets.SECRET,
        "Data bucket": DATA,
        "Training set": "{features: train-images-idx3-ubyte, labels: train-labels-idx1-ubyte}",
        "Validation": '{split: "0.1"}',
        "Results bucket": RESULTS,
    },
    "Optimizer": {
        "Epochs": "2",
        "Batch size": "128",
    },
}


class Keys:
    """The keyboard of a page. It counts its keys."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.count = 0

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            self.page.keyboard.press(key)
        self.count += len(keys)

    def type(self, text: str) -> None:
        """Type a text."""
        self.page.keyboard.type(text)
        self.count += len(text)

    def go(self, target: Locator) -> None:
        """Press Tab until an element has the focus."""
        self.count += tab_to(self.page, target)

    def arrow_down(self, selector: str) -> None:
        """Press the arrow key until an element that a CSS selector matches has the focus."""
        for _ in range(MAX_ARROWS):
            if self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
            self.press("ArrowDown")
            self.page.wait_for_timeout(LOOK_MS)
        raise AssertionError(f"{MAX_ARROWS} arrow keys do not reach {selector}")

    def fill(self, field: Locator, value: str) -> None:
        """Go to a field, and replace its text."""
        self.go(field)
        self.press("Control+A")
        self.type(value)

    def activate(self, target: Locator) -> None:
        """Go to a button or link, and press Enter."""
        self.go(target)
        self.press("Enter")


def keyboard() -> list[Figure]:
    """Count keys and seconds from the list of runs to the answer of a model."""
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait")
    apply(*buckets.namespace_with_credentials(NAMESPACE, *buckets.credentials()))
    store = buckets.connect()
    buckets.fill(store, DATA, files(MNIST))
    buckets.fill(store, RESULTS, [])
    token = create_user(NAMESPACE, "ada", "edit")
    with studio_in_browser() as (chromium, address):
        where = f"{address}/?namespace={NAMESPACE}"
        with opened(chromium, where, size=SIZE, complains=REFUSED) as page:
            sign_in(page, token)
            keys, begin = Keys(page), time.monotonic()
            draw(keys)
            drawn, saved = keys.count, time.monotonic() - begin
            start(keys, FIRST)
            change(keys)
            start(keys, SECOND)
            for name in (FIRST, SECOND):
                Namespace(NAMESPACE).complete(name, TRAINED_SECONDS)
            compare(keys)
            serve(keys)
            seconds = time.monotonic() - begin
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    return [
        Figure(
            "MNIST by keyboard alone: drawn, trained twice, compared, deployed, asked",
            f"the YAML of the first run: {len(by_hand())} characters",
            f"{keys.count} keys, {seconds:.0f} s; drawn and saved after {drawn} keys, {saved:.0f} s",
        )
    ]


def by_hand() -> str:
    """Return the YAML of the first run as a person writes it."""
    data, optimizer = FIELDS["Data"], FIELDS["Optimizer"]
    layers = [
        {"layer": name} | {key: yaml.safe_load(value) for key, value in values.items()} for name, values in LAYERS
    ]
    spec = {
        "storage": {"secretRef": {"name": data["Storage Secret"]}},
        "data": {"bucket": data["Data bucket"], "train": yaml.safe_load(data["Training set"])}
        | {"validation": yaml.safe_load(data["Validation"])},
        "network": {"input": {"shape": [28, 28, 1]}, "layers": layers},
        "training": {"epochs": int(optimizer["Epochs"]), "batchSize": int(optimizer["Batch size"])}
        | {"optimizer": "Adam", "loss": "SparseCategoricalCrossentropy", "metrics": ["accuracy"]},
        "results": {"bucket": data["Results bucket"]},
    }
    head = {"apiVersion": "epochal.dev/v1alpha1", "kind": "TrainingJob", "metadata": {"name": FIRST}}
    return yaml.safe_dump(head | {"spec": spec}, sort_keys=False, default_flow_style=None)


def draw(keys: Keys) -> None:
    """Draw the network, fill in the data and the training, and save the run."""
    page = keys.page
    keys.activate(page.get_by_role("link", name="Modeler"))
    keys.activate(page.get_by_role("link", name="Empty network"))
    keys.fill(page.get_by_label("Name", exact=True), FIRST)
    keys.go(page.get_by_role("combobox", name="Search layers"))
    for name, _ in LAYERS:
        keys.type(name)
        keys.press("Enter")
        expect(node(page, name)).to_be_visible()
    for name, values in LAYERS:
        if values:
            _open(keys, name)
            for label, value in values.items():
                keys.fill(page.get_by_label(label, exact=True), value)
    for name, fields in FIELDS.items():
        _open(keys, name)
        for label, value in fields.items():
            keys.fill(page.get_by_label(label, exact=True), value)
    expect(page.locator(".problems-head")).to_contain_text("No problems")
    keys.press("Control+S")
    expect(page.get_by_role("heading", name=f"{FIRST} is saved")).to_be_visible()


def start(keys: Keys, name: str) -> None:
    """Start a run that was saved."""
    page = keys.page
    keys.activate(page.get_by_role("link", name="Start the training"))
    keys.activate(page.get_by_role("button", name="Start", exact=True))
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def change(keys: Keys) -> None:
    """Clone the run, and save the copy with more filters."""
    page = keys.page
    keys.activate(page.get_by_role("button", name="Actions"))
    keys.activate(page.get_by_role("button", name="Clone…"))
    keys.fill(page.get_by_role("dialog").get_by_label("Name"), SECOND)
    keys.press("Enter")
    expect(page.get_by_role("heading", name=SECOND, exact=True)).to_be_visible()
    keys.activate(page.get_by_role("link", name="Edit in the modeler"))
    _open(keys, "Conv2D")
    keys.fill(page.get_by_label("filters", exact=True), "16")
    keys.press("Control+S")
    expect(page.get_by_role("heading", name=f"{SECOND} is saved")).to_be_visible()


def compare(keys: Keys) -> None:
    """Compare the two runs."""
    page = keys.page
    keys.activate(page.get_by_role("navigation", name="Pages").get_by_role("link", name="Runs"))
    keys.go(page.locator('[role="row"][tabindex="0"]'))
    for name in (FIRST, SECOND):
        keys.press("Home")
        keys.arrow_down(f'[role=row]:has(a[href*="/{name}?"])')
        keys.press("Space")
    keys.activate(page.get_by_role("link", name="Compare"))
    expect(page.get_by_role("row").filter(has_text="filters")).to_contain_text("16")


def serve(keys: Keys) -> None:
    """Deploy the second model, and draw a digit for it."""
    page = keys.page
    keys.activate(page.get_by_role("navigation", name="Pages").get_by_role("link", name="Models"))
    keys.activate(page.get_by_role("button", name=f"Deploy {SECOND}", exact=True))
    keys.activate(page.get_by_role("dialog").get_by_role("button", name="Deploy"))
    pad = page.get_by_role("application", name="Drawing pad")
    expect(pad).to_be_visible(timeout=SERVED_MS)
    keys.go(pad)
    keys.press("Space", *["ArrowDown"] * 15, "Space")
    expect(page.locator(".found strong")).to_have_text(re.compile("[a-z0-9]"))


def _open(keys: Keys, name: str) -> None:
    """Go along the canvas to a node, and open its form."""
    keys.go(keys.page.locator('.node[tabindex="0"]'))
    keys.press("Home")
    expect(node(keys.page, "Data")).to_be_focused()
    keys.arrow_down(NODE.format(name))
    keys.press("Enter")
