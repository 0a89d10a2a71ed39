"""The page New run in a real browser: from a template and data to a training, refused, by keyboard, with conflicts."""

import io
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.kit.axe import assert_accessible
from tests.kit.browser import NARROW, browser, opened, tab_to
from tests.kit.fake.faults import Fault
from tests.kit.studio import BUCKET, NAMESPACE, SECRET, Studio, studio
from tests.kit.studio_page import open_step, sign_in
from tests.kit.studio_runs import spec

PAGE = f"{{}}/new?namespace={NAMESPACE}"
REFUSED = ("status of 401", "status of 403", "status of 404", "status of 409", "status of 422")
"""A browser reports every answer that is a refusal."""
TOO_WIDE = """() => {
    const scrolls = part => part !== document.body
        && (getComputedStyle(part).overflowX !== "visible" || scrolls(part.parentElement));
    const width = document.documentElement.clientWidth;
    return [...document.querySelectorAll("body *")]
        .filter(part => part.getBoundingClientRect().right > width && !scrolls(part.parentElement))
        .map(part => part.outerHTML.slice(0, 120));
}"""
"""The elements that make a page scroll sideways."""
STEPS = ("network", "data", "training", "resources", "search", "results")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with studio(tmp_path_factory.mktemp("studio")) as app:
        app.put_secret()
        app.storage.put("digits.npz", digits())
        yield app


@pytest.fixture(autouse=True)
def no_runs(app: Studio) -> Iterator[None]:
    yield
    app.server.faults.clear()
    for name in app.names("trainingjobs"):
        app.delete("trainingjobs", name)


def digits() -> bytes:
    rng = np.random.default_rng(0)
    content = io.BytesIO()
    np.savez(content, x=rng.integers(0, 17, (40, 8, 8), "uint8"), y=np.arange(40) % 10)
    return content.getvalue()


def file(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def begin(page: Page) -> None:
    """Begins with the template of the digits, and the storage of the namespace."""
    page.locator(".template").filter(has_text="digits").filter(has_text="scikit-learn").click()
    expect(page.get_by_role("group", name="digits.yaml")).to_contain_text(f"namespace: {NAMESPACE}")
    open_step(page, "data")
    page.get_by_label("Storage", exact=True).select_option(SECRET)


def choose_file(page: Page) -> None:
    """Chooses the file of the digits for the training set."""
    page.get_by_role("button", name="Change the file for training set").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Bucket", exact=True).select_option(BUCKET)
    dialog.get_by_role("button", name="digits.npz").click()
    expect(dialog.get_by_text("40 × 8 × 8")).to_be_visible()
    expect(dialog.get_by_role("img", name="Sample 1, label 0")).to_be_visible()
    dialog.get_by_role("button", name="Use this file").click()


def fill_results(page: Page) -> None:
    """Names the bucket of the results."""
    open_step(page, "results")
    page.get_by_label("Bucket for results").fill(BUCKET)


def test_a_template_becomes_a_training(chromium: Browser, app: Studio) -> None:
    with opened(chromium, PAGE.format(app.url), complains=REFUSED) as page:
        sign_in(page)
        expect(page.locator(".template").first).to_be_visible()
        assert_accessible(page, "new run, blank")
        begin(page)
        choose_file(page)
        fill_results(page)

        causes = {"spec.training.epochs": "must be at most 5 in this namespace"}
        app.server.faults.append(Fault("create", "trainingjobs", status=422, causes=causes, times=1))
        page.get_by_role("button", name="Check with the cluster").click()
        alert = page.locator(".panel").get_by_role("alert")
        expect(alert).to_contain_text("must be at most 5 in this namespace")
        assert_accessible(page, "new run, refused")
        page.get_by_role("button", name="Check with the cluster").click()
        expect(page.get_by_text("The cluster accepts this run")).to_be_visible()
        assert app.names("trainingjobs") == []

        page.get_by_role("button", name="Start", exact=True).click()
        expect(page).to_have_url(f"{app.url}/runs/TrainingJob/{NAMESPACE}/digits")
        stored = app.get("trainingjobs", "digits")["spec"]
        assert stored["suspend"] is False
        assert stored["storage"]["secretRef"] == {"name": SECRET}
        assert (stored["data"]["bucket"], stored["data"]["train"]) == (BUCKET, {"object": "digits.npz"})
        assert stored["results"]["bucket"] == BUCKET


def test_every_step_is_accessible_and_narrow(chromium: Browser, app: Studio) -> None:
    with opened(chromium, PAGE.format(app.url), size=NARROW, complains=REFUSED) as page:
        sign_in(page)
        begin(page)
        for name in STEPS:
            open_step(page, name)
        page.get_by_role("button", name="Search", exact=True).click()
        page.locator(".add-parameter").get_by_role("button", name="Add").click()
        expect(page.get_by_role("group", name="digits.yaml")).to_contain_text("kind: Experiment")
        assert_accessible(page, "new run, all steps")
        assert page.evaluate(TOO_WIDE) == []
        page.get_by_role("button", name="Change the file for training set").click()
        page.get_by_role("dialog").get_by_label("Bucket", exact=True).select_option(BUCKET)
        page.get_by_role("dialog").get_by_role("button", name="digits.npz").click()
        expect(page.get_by_role("dialog").get_by_text("10 classes in")).to_be_visible()
        assert_accessible(page, "new run, files")


def test_a_training_is_started_by_keyboard(chromium: Browser, app: Studio) -> None:
    with opened(chromium, PAGE.format(app.url), complains=REFUSED) as page:
        sign_in(page)
        keys = page.keyboard
        tab_to(page, page.locator(".template").filter(has_text="scikit-learn"))
        keys.press("Enter")
        tab_to(page, page.locator("#step-data .step-head"))
        keys.press("Enter")
        tab_to(page, page.get_by_label("Storage", exact=True))
        keys.type(SECRET)
        tab_to(page, page.get_by_role("button", name="Change the file for training set"))
        keys.press("Enter")
        dialog = page.get_by_role("dialog")
        tab_to(page, dialog.get_by_label("Bucket", exact=True))
        keys.type(BUCKET)
        tab_to(page, dialog.get_by_role("button", name="digits.npz"))
        keys.press("Enter")
        tab_to(page, dialog.get_by_role("button", name="Use this file"))
        keys.press("Enter")
        expect(page.get_by_role("button", name="Change the file for training set")).to_be_focused()
        tab_to(page, page.locator("#step-results .step-head"))
        keys.press("Enter")
        tab_to(page, page.get_by_label("Name of the run"))
        keys.press("Control+A")
        keys.type("by-keys")
        tab_to(page, page.get_by_label("Bucket for results"))
        keys.press("Control+A")
        keys.type(BUCKET)
        tab_to(page, page.get_by_role("button", name="Start", exact=True))
        keys.press("Enter")
        expect(page).to_have_url(f"{app.url}/runs/TrainingJob/{NAMESPACE}/by-keys")
        assert app.get("trainingjobs", "by-keys")["spec"]["data"]["bucket"] == BUCKET


def test_an_upload_asks_before_it_replaces(chromium: Browser, app: Studio) -> None:
    with opened(chromium, PAGE.format(app.url), complains=REFUSED) as page:
        sign_in(page)
        begin(page)
        page.get_by_role("button", name="Change the file for training set").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Bucket", exact=True).select_option(BUCKET)
        dialog.get_by_label(f"Files for {BUCKET}").set_input_files(file("new.npz", digits()))
        expect(dialog.get_by_role("button", name="new.npz", exact=False).last).to_be_visible()
        expect(dialog.get_by_text("Stored,")).to_be_visible()
        assert app.storage.objects["new.npz"] == digits()
        dialog.get_by_label(f"Files for {BUCKET}").set_input_files(file("new.npz", b"other"))
        expect(dialog.get_by_text("Replace it?")).to_be_visible()
        assert app.storage.objects["new.npz"] == digits()
        assert_accessible(page, "new run, upload that exists")
        dialog.get_by_role("button", name="Replace new.npz").click()
        expect(dialog.get_by_text("Stored, 5 B")).to_be_visible()
        assert app.storage.objects["new.npz"] == b"other"


def test_a_draft_survives_a_reload_and_a_stored_run_shows_a_conflict(chromium: Browser, app: Studio) -> None:
    with opened(chromium, PAGE.format(app.url), complains=REFUSED) as page:
        sign_in(page)
        begin(page)
        choose_file(page)
        fill_results(page)
        open_step(page, "training")
        page.get_by_label("Epochs", exact=True).fill("12")
        page.reload()
        expect(page.get_by_role("group", name="digits.yaml")).to_contain_text("epochs: 12")

        page.get_by_role("button", name="Save suspended").click()
        expect(page).to_have_url(f"{app.url}/new?run=TrainingJob%2F{NAMESPACE}%2Fdigits")
        assert app.get("trainingjobs", "digits")["spec"]["suspend"] is True
        # The operator writes the status of a new object at once, which is no conflict.
        app.set_status("trainingjobs", "digits", state="Suspended")
        open_step(page, "training")
        page.get_by_label("Epochs", exact=True).fill("13")
        with page.expect_response("**/api/jobs") as answer:
            page.get_by_role("button", name="Save suspended").click()
        assert answer.value.ok
        expect(page.get_by_role("button", name="Save suspended")).to_be_enabled()

        app.patch_spec("trainingjobs", "digits", backoffLimit=9)
        page.get_by_label("Epochs", exact=True).fill("14")
        page.get_by_role("button", name="Start", exact=True).click()
        row = page.get_by_role("dialog").get_by_role("row", name="spec.backoffLimit")
        expect(row).to_contain_text("9")
        assert_accessible(page, "new run, conflict")
        page.get_by_role("button", name="Start with mine").click()
        expect(page).to_have_url(f"{app.url}/runs/TrainingJob/{NAMESPACE}/digits")
        stored = app.get("trainingjobs", "digits")["spec"]
        assert (stored["training"]["epochs"], stored["suspend"]) == (14, False)


def test_a_run_that_has_begun_becomes_a_new_one(chromium: Browser, app: Studio) -> None:
    app.put("trainingjobs", "mnist", spec())
    app.set_status("trainingjobs", "mnist", startTime="2026-01-01T00:00:00Z", state="Running")
    address = f"{app.url}/new?run=TrainingJob/{NAMESPACE}/mnist"
    with opened(chromium, address, complains=REFUSED) as page:
        sign_in(page)
        expect(page.get_by_text("mnist has begun, so its spec is fixed.")).to_be_visible()
        expect(page.get_by_role("group", name="mnist-copy.yaml")).to_contain_text("name: mnist-copy")
