"""The modeler of Studio in a real browser: a network is drawn, checked and saved by keyboard alone."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.integration.test_studio import REFUSED
from tests.kit.axe import assert_accessible
from tests.kit.browser import NARROW, browser, opened, tab_to
from tests.kit.fake.checker import FakeChecker
from tests.kit.studio import NAMESPACE, SECRET, Studio, studio
from tests.kit.studio_page import node, sign_in
from tests.unit.cli.importers.flows import digits

WIDE = (1360, 860)
MODELER = f"{{}}/modeler?namespace={NAMESPACE}"
NOT_LOADED = ("net::ERR_", "Studio could not load")
TEXT = """# Keeps its comments
apiVersion: epochal.dev/v1alpha1
kind: TrainingJob
metadata:
  name: NAME
spec:
  suspend: true
  storage:
    secretRef: {name: credentials}
  data:
    bucket: digits
    train: {object: digits.npz}
  network:
    input: {shape: [8, 8, 1]}
    layers:
    - {layer: Flatten}
    - {layer: Dense, units: 10}   # one unit a class
  training:
    loss: SparseCategoricalCrossentropy
  results:
    bucket: results
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with FakeChecker() as checker, studio(tmp_path_factory.mktemp("studio"), CHECKER=checker.address) as app:
        app.put_secret()
        yield app


def open_draft(page: Page, app: Studio, name: str, text: str = TEXT) -> None:
    """Opens a draft of the browser, as a reload of the page does."""
    sign_in(page)
    page.evaluate(
        "draft => localStorage.setItem(`studio:draft:ada:${draft.namespace}/${draft.name}`, JSON.stringify(draft))",
        {
            "namespace": NAMESPACE,
            "name": name,
            "text": text.replace("NAME", name),
            "saved": "2026-01-01T00:00:00Z",
            "resourceVersion": None,
        },
    )
    page.goto(f"{app.url}/modeler?namespace={NAMESPACE}&draft={NAMESPACE}/{name}")


def test_a_network_is_drawn_and_saved_by_keyboard_alone(chromium: Browser, app: Studio) -> None:
    with opened(chromium, MODELER.format(app.url), size=WIDE, complains=REFUSED) as page:
        sign_in(page)
        keys = page.keyboard
        tab_to(page, page.get_by_role("link", name="Empty network"))
        assert_accessible(page, "modeler, start")
        keys.press("Enter")
        search = page.get_by_role("combobox", name="Search layers")
        expect(node(page, "Input")).to_be_visible()
        page.get_by_label("Name", exact=True).focus()
        keys.press("Control+A")
        keys.type("drawn")
        tab_to(page, search)
        keys.type("flat")
        keys.press("Enter")
        expect(node(page, "Flatten")).to_be_visible()
        keys.type("dense")
        keys.press("Enter")
        expect(node(page, "Dense")).to_be_visible()

        # The list of problems leads to the field of the layer.
        problem = page.locator(".problems-list button").filter(has_text="units").first
        expect(problem).to_be_visible()
        assert_accessible(page, "modeler, problems")
        problem.focus()
        keys.press("Enter")
        expect(page.get_by_label("units")).to_be_focused()
        keys.type("10")
        keys.press("Enter")
        expect(page.locator(".edge-shape").filter(has_text="784")).to_be_visible()

        # Without a layer that is selected, the form is that of the run.
        node(page, "Dense").focus()
        keys.press("Home")
        expect(node(page, "Data")).to_be_focused()
        keys.press("Enter")
        for label, value in (
            ("Storage Secret", SECRET),
            ("Data bucket", "digits"),
            ("Training set", "{object: digits.npz}"),
            ("Results bucket", "results"),
        ):
            tab_to(page, page.get_by_label(label, exact=True))
            keys.type(value)
        expect(page.locator(".problems-head")).to_contain_text("No problems")
        keys.press("Control+S")
        expect(page.get_by_role("heading", name="drawn is saved")).to_be_visible()
        assert_accessible(page, "modeler, saved")
        keys.press("Enter")
        expect(page).to_have_url(f"{app.url}/modeler?run=TrainingJob%2F{NAMESPACE}%2Fdrawn&namespace={NAMESPACE}")
    spec = app.get("trainingjobs", "drawn")["spec"]
    assert spec["suspend"] is True
    assert spec["network"]["layers"] == [{"layer": "Flatten"}, {"layer": "Dense", "units": 10}]
    assert spec["data"] == {"bucket": "digits", "train": {"object": "digits.npz"}}


def test_every_edit_is_undone_and_done_again(chromium: Browser, app: Studio) -> None:
    with opened(chromium, MODELER.format(app.url), size=WIDE, complains=REFUSED) as page:
        open_draft(page, app, "undone")
        keys = page.keyboard
        node(page, "Dense").focus()
        keys.press("Control+D")
        expect(node(page, "Dense")).to_have_count(2)
        keys.press("Delete")
        expect(node(page, "Dense")).to_have_count(1)
        # The focus is at the nearest node, so that the keys go on.
        expect(page.locator(".node:focus")).to_have_count(1)
        keys.press("Control+Z")
        expect(node(page, "Dense")).to_have_count(2)
        keys.press("Control+Z")
        expect(node(page, "Dense")).to_have_count(1)
        keys.press("Control+Shift+Z")
        expect(node(page, "Dense")).to_have_count(2)
        # A click beside the nodes leaves the keys with the editor.
        page.locator(".react-flow__pane").click(position={"x": 5, "y": 5})
        keys.press("Control+Z")
        expect(node(page, "Dense")).to_have_count(1)
        keys.press("Control+Shift+Z")
        expect(node(page, "Dense")).to_have_count(2)
        page.reload()
        expect(node(page, "Dense")).to_have_count(2)


KEY_WHEEL_KEY = """async () => {
    const canvas = document.querySelector(".canvas");
    const press = () => canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
    const turn = () => canvas.querySelector(".react-flow__pane").dispatchEvent(
        new WheelEvent("wheel", { deltaY: 3000, bubbles: true, cancelable: true }));
    turn();
    await new Promise(requestAnimationFrame);
    press();
    await new Promise(requestAnimationFrame);
    turn();
    press();
}"""


def test_the_keys_go_on_while_the_canvas_moves(chromium: Browser, app: Studio) -> None:
    layers = "".join(f"    - {{layer: Dense, units: {units}}}\n" for units in range(20, 34))
    text = TEXT.replace("    - {layer: Dense,", f"{layers}    - {{layer: Dense,")
    with opened(chromium, MODELER.format(app.url), size=WIDE, complains=REFUSED) as page:
        open_draft(page, app, "long", text)
        keys = page.keyboard
        node(page, "Data").focus()
        for _ in range(20):
            keys.press("ArrowDown")
        expect(node(page, "Optimizer")).to_be_focused()
        expect(node(page, "Optimizer")).to_be_in_viewport()
        for key in ("Home", *["ArrowDown"] * 4):
            keys.press(key)
        expect(page.locator(".node:focus")).to_contain_text("units 21")
        # The node with the focus leaves the view, and is no longer on the page.
        page.mouse.move(500, 400)
        page.mouse.wheel(0, 3000)
        expect(node(page, "Data")).to_have_count(0)
        keys.press("ArrowDown")
        expect(page.locator(".node:focus")).to_contain_text("units 22")
        # The canvas keeps the focus of a node that leaves the view, until it comes back.
        page.mouse.wheel(0, -3000)
        expect(page.locator(".canvas")).to_be_focused()
        page.mouse.wheel(0, 3000)
        expect(page.locator(".node:focus")).to_contain_text("units 22")
        # The wheel ends a move of the canvas that the key began, and the next key moves it again.
        page.evaluate(KEY_WHEEL_KEY)
        expect(page.locator(".node:focus")).to_contain_text("units 24")
        # Beside the nodes, a key means no node, also where the canvas had the focus of one.
        page.mouse.wheel(0, -3000)
        expect(page.locator(".canvas")).to_be_focused()
        pane = page.locator(".react-flow__pane")
        pane.click(position={"x": 5, "y": 5})
        keys.press("Delete")
        page.get_by_role("button", name="Show the whole network").click()
        node(page, "Flatten").click()
        pane.click(position={"x": 5, "y": 5})
        keys.press("Delete")
        expect(page.get_by_role("button", name="Undo")).to_have_attribute("aria-disabled", "true")


def test_a_draft_of_a_stored_run_outlives_each_reload(chromium: Browser, app: Studio) -> None:
    with opened(chromium, MODELER.format(app.url), size=WIDE, complains=REFUSED) as page:
        open_draft(page, app, "reloaded")
        save = page.get_by_role("button", name="Save", exact=True)
        save.click()
        page.get_by_role("button", name="Go on drawing").click()
        expect(save).to_be_focused()
        node(page, "Dense").click()
        page.get_by_label("units").fill("20")
        expect(page.get_by_text("Draft stored in this browser")).to_be_visible()
        for _ in range(2):
            page.reload()
            expect(page.get_by_text("Its changes are not saved.")).to_be_visible()
            expect(node(page, "Dense")).to_contain_text("units 20")
        page.get_by_role("button", name="Discard the draft").click()
        expect(node(page, "Dense")).to_contain_text("units 10")


def test_layers_are_connected_without_dragging(chromium: Browser, app: Studio) -> None:
    with opened(chromium, MODELER.format(app.url), size=WIDE, complains=REFUSED) as page:
        open_draft(page, app, "connected")
        keys = page.keyboard
        node(page, "Dense").focus()
        keys.press("Control+D")
        expect(node(page, "Dense")).to_have_count(2)
        page.locator(".node[aria-pressed=true]").focus()
        keys.press("c")
        filter_ = page.get_by_label("Take the output of")
        expect(filter_).to_be_focused()
        assert_accessible(page, "modeler, connect")
        keys.type("flat")
        keys.press("Enter")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_role("group", name="Inputs")).to_contain_text("flatten")


def test_the_yaml_and_the_canvas_follow_each_other(chromium: Browser, app: Studio) -> None:
    with opened(chromium, MODELER.format(app.url), size=WIDE, complains=REFUSED) as page:
        open_draft(page, app, "written")
        page.get_by_role("button", name="YAML").click()
        editor = page.get_by_role("textbox", name="YAML of the run")
        expect(editor).to_contain_text("# Keeps its comments")
        assert_accessible(page, "modeler, YAML")
        editor.focus()
        page.keyboard.press("Control+End")
        page.keyboard.type("broken: [1")
        expect(page.get_by_text("The canvas shows the last version that could be read.")).to_be_visible()
        expect(node(page, "Dense")).to_be_visible()
        assert_accessible(page, "modeler, broken YAML")
        page.keyboard.press("Control+Z")
        expect(page.get_by_text("The canvas shows the last version")).to_have_count(0)
        node(page, "Dense").click()
        page.keyboard.press("Delete")
        expect(editor).not_to_contain_text("units: 10")
        expect(editor).to_contain_text("# Keeps its comments")


def test_a_broken_draft_opens_with_its_faults(chromium: Browser, app: Studio) -> None:
    with opened(chromium, MODELER.format(app.url), size=WIDE, complains=REFUSED) as page:
        open_draft(page, app, "faulty", TEXT + "broken: [1\n")
        expect(page.locator(".problems-list li").first).to_contain_text("Line")
        page.locator(".problems-list button").first.click()
        expect(page.get_by_role("textbox", name="YAML of the run")).to_be_focused()
        page.keyboard.press("Control+S")
        expect(page.get_by_role("dialog")).to_contain_text("cannot be saved")


def test_a_conflict_shows_both_versions(chromium: Browser, app: Studio) -> None:
    with opened(chromium, MODELER.format(app.url), size=WIDE, complains=REFUSED) as page:
        open_draft(page, app, "shared")
        expect(node(page, "Dense")).to_be_visible()
        page.get_by_role("button", name="Save", exact=True).click()
        page.get_by_role("button", name="Go on drawing").click()
        app.patch_spec("trainingjobs", "shared", backoffLimit=3)
        node(page, "Dense").click()
        page.get_by_label("units").fill("20")
        page.get_by_role("button", name="Save", exact=True).click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("spec.backoffLimit")
        expect(dialog).to_contain_text("spec.network.layers[1].units")
        assert_accessible(page, "modeler, conflict")
        dialog.get_by_role("button", name="Keep mine as a new run…").click()
        dialog.get_by_role("button", name="Save").click()
        expect(page.get_by_role("heading", name="shared-copy is saved")).to_be_visible()
    assert app.get("trainingjobs", "shared")["spec"]["network"]["layers"][1]["units"] == 10
    assert app.get("trainingjobs", "shared-copy")["spec"]["network"]["layers"][1]["units"] == 20


def test_a_narrow_screen_shows_the_network(chromium: Browser, app: Studio) -> None:
    with opened(chromium, MODELER.format(app.url), size=NARROW, complains=REFUSED) as page:
        open_draft(page, app, "narrow")
        expect(node(page, "Flatten")).to_be_visible()
        # The page opens at its top, although the palette below the form scrolls to its selected layer.
        assert page.evaluate("window.scrollY") == 0
        assert_accessible(page, "modeler, narrow")
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
        node(page, "Dense").click()
        expect(page.get_by_label("units")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
        page.get_by_role("button", name="YAML").click()
        expect(page.locator(".cm-editor")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]


def test_a_flow_is_imported_and_exported_as_a_script(chromium: Browser, app: Studio) -> None:
    bare = json.dumps(digits()).replace('"digits-data"', '""')
    flow = FilePayload(name="digits-of-2018.nnd", mimeType="application/json", buffer=bare.encode())
    with opened(chromium, MODELER.format(app.url), size=WIDE, complains=REFUSED) as page:
        sign_in(page)
        page.get_by_label("File to import").set_input_files(
            {"name": "old.h5", "mimeType": "application/octet-stream", "buffer": b"\x89HDF\r\n\x1a\n"}
        )
        expect(page.get_by_role("dialog", name="old.h5 is not imported")).to_contain_text("Save the model as a .keras")
        page.get_by_role("button", name="Back").click()
        page.get_by_label("File to import").set_input_files(flow)
        found = page.get_by_role("dialog", name="digits-of-2018.nnd is imported")
        expect(found).to_contain_text("spec.data.bucket")
        assert_accessible(page, "modeler, imported")
        found.get_by_role("link", name="Open the network").click()
        expect(node(page, "Conv2D Conv_2D")).to_be_visible()
        page.get_by_role("button", name="Export…").click()
        dialog = page.get_by_role("dialog", name="Export the network")
        assert_accessible(page, "modeler, export")
        dialog.get_by_role("button", name="Export", exact=True).click()
        with page.expect_download() as download:
            dialog.get_by_role("link", name="Download digits-of-2018.py").click()
        script = download.value.path().read_text()
        compile(script, "digits-of-2018.py", "exec")
        assert "Conv2D" in script


def test_a_part_that_cannot_be_loaded_is_loaded_by_a_retry(chromium: Browser, app: Studio) -> None:
    with opened(chromium, MODELER.format(app.url), size=WIDE, complains=(*REFUSED, *NOT_LOADED)) as page:
        page.route("**/layerParts-*", lambda route: route.abort())
        open_draft(page, app, "retried")
        node(page, "Dense").click()
        expect(page.get_by_text("Studio could not load the form.")).to_be_visible()
        assert_accessible(page, "modeler, form not loaded")
        page.unroute("**/layerParts-*")
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_label("units")).to_be_visible()
        expect(page.get_by_role("complementary", name="Form").locator("input").first).to_be_focused()


def test_a_dialog_of_saving_that_cannot_be_loaded_says_that_the_run_is_saved(chromium: Browser, app: Studio) -> None:
    with opened(chromium, MODELER.format(app.url), size=WIDE, complains=(*REFUSED, *NOT_LOADED)) as page:
        page.route("**/SaveDialogs-*", lambda route: route.abort())
        open_draft(page, app, "undrawn")
        page.get_by_role("button", name="Save", exact=True).click()
        dialog = page.get_by_role("dialog", name="The run is saved")
        expect(dialog).to_contain_text(f"undrawn is stored in {NAMESPACE}")
        assert_accessible(page, "modeler, dialog not loaded")
        dialog.get_by_role("button", name="Try again").click()
        expect(dialog.get_by_role("button", name="Load the page again")).to_have_class("button primary")
        expect(dialog.get_by_role("button", name="Try again")).to_be_focused()
        page.unroute("**/SaveDialogs-*")
        dialog.get_by_role("button", name="Try again").click()
        saved = page.get_by_role("dialog", name="undrawn is saved")
        expect(saved.get_by_role("button", name="Go on drawing")).to_be_focused()
