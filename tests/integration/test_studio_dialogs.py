"""The accessibility of Studio's dialogs and of its pages after an error, by axe in a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FilePayload, Page, Route, expect

from tests.integration.test_studio import LIST, REFUSED, open_actions
from tests.integration.test_studio_modeler import MODELER, open_draft
from tests.kit.axe import assert_accessible
from tests.kit.browser import browser, opened
from tests.kit.fake.checker import FakeChecker
from tests.kit.fake.faults import Fault
from tests.kit.studio import ADMINISTRATOR, NAMESPACE, OTHER_NAMESPACE, VIEWER, Studio, studio
from tests.kit.studio_page import node, sign_in
from tests.kit.studio_runs import put_complete, put_running, spec

WIDE = (1360, 860)
LOST = (*REFUSED, "net::ERR_", "Failed to load resource")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with FakeChecker() as checker, studio(tmp_path_factory.mktemp("studio"), CHECKER=checker.address) as app:
        app.put_secret()
        yield app


def dialog_is_accessible(page: Page, title: str) -> None:
    """Waits for the dialog with a title, and checks the page."""
    expect(page.get_by_role("dialog", name=title)).to_be_visible()
    assert_accessible(page, f"dialog {title}")


def test_a_run_is_cloned(chromium: Browser, app: Studio) -> None:
    put_complete(app, "original")
    with opened(chromium, LIST.format(app.url), complains=REFUSED) as page:
        sign_in(page)
        open_actions(page, "original").get_by_role("button", name="Clone…").click()
        dialog_is_accessible(page, "Clone original")
        page.get_by_role("dialog").get_by_role("textbox").fill("Not a name")
        page.get_by_role("dialog").get_by_role("button", name="Clone").click()
        expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
        dialog_is_accessible(page, "Clone original")


def test_the_dialogs_of_saving_a_network(chromium: Browser, app: Studio) -> None:
    with opened(chromium, MODELER.format(app.url), size=WIDE, complains=REFUSED) as page:
        open_draft(page, app, "dialogs")
        expect(node(page, "Dense")).to_be_visible()
        app.server.faults.append(Fault("create", "trainingjobs", status=422, causes={"spec": "is refused"}, times=1))
        page.get_by_role("button", name="Save", exact=True).click()
        dialog_is_accessible(page, "The run is not saved")
        page.get_by_role("button", name="Back to the network").click()
        app.put("trainingjobs", "dialogs", spec())
        page.get_by_role("button", name="Save", exact=True).click()
        dialog_is_accessible(page, "Save as a new run")
        page.get_by_role("dialog").get_by_label("Name").fill("Not a name")
        page.get_by_role("dialog").get_by_role("button", name="Save").click()
        expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
        dialog_is_accessible(page, "Save as a new run")


def test_a_network_without_a_namespace_asks_for_one(chromium: Browser, app: Studio) -> None:
    with opened(chromium, f"{app.url}/modeler?namespace=*", size=WIDE, complains=REFUSED) as page:
        sign_in(page, ADMINISTRATOR)
        page.get_by_role("link", name="Empty network").click()
        expect(node(page, "Input")).to_be_visible()
        page.get_by_role("button", name="Save", exact=True).click()
        dialog_is_accessible(page, "Which namespace?")


def test_the_dialogs_of_the_start_page(chromium: Browser, app: Studio) -> None:
    with opened(chromium, MODELER.format(app.url), size=WIDE, complains=REFUSED) as page:
        open_draft(page, app, "discarded")
        expect(node(page, "Dense")).to_be_visible()
        page.goto(MODELER.format(app.url))
        page.get_by_role("button", name="Delete").first.click()
        dialog_is_accessible(page, "Delete the draft discarded?")
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        old: FilePayload = {"name": "old.h5", "mimeType": "application/octet-stream", "buffer": b"\x89HDF\r\n\x1a\n"}
        unanswered: list[Route] = []

        def answer_from_the_second(route: Route) -> None:
            if unanswered:
                route.continue_()
            else:
                unanswered.append(route)

        # `unroute` between the imports could send the first to Studio, which imports one file at a time.
        page.route("**/api/import*", answer_from_the_second)
        page.get_by_label("File to import").set_input_files(old)
        dialog_is_accessible(page, "Importing old.h5")
        page.get_by_role("dialog").get_by_role("button").click()
        page.get_by_label("File to import").set_input_files(old)
        dialog_is_accessible(page, "old.h5 is not imported")


def test_a_template_asks_before_it_replaces(chromium: Browser, app: Studio) -> None:
    with opened(chromium, f"{app.url}/new?namespace={NAMESPACE}", complains=REFUSED) as page:
        sign_in(page)
        page.locator(".template").first.click()
        page.locator("#step-training .step-head").click()
        page.get_by_label("Epochs", exact=True).fill("12")
        page.locator(".template").nth(1).click()
        expect(page.get_by_role("dialog")).to_contain_text("You have changed this draft.")
        assert_accessible(page, "dialog of a template")


def test_a_change_by_kubectl_is_told_in_both_editors(chromium: Browser, app: Studio) -> None:
    app.put("trainingjobs", "watched", spec(suspend=True))
    for path in ("modeler", "new"):
        address = f"{app.url}/{path}?namespace={NAMESPACE}&run=TrainingJob/{NAMESPACE}/watched"
        with opened(chromium, address, size=WIDE, complains=REFUSED) as page:
            sign_in(page)
            opened_run = node(page, "Dense") if path == "modeler" else page.get_by_role("group", name="watched.yaml")
            expect(opened_run).to_be_visible()
            app.patch_spec("trainingjobs", "watched", backoffLimit=len(path))
            page.get_by_role("button", name="Show both versions").click()
            expect(page.get_by_role("dialog").get_by_role("row", name="spec.backoffLimit")).to_be_visible()
            assert_accessible(page, f"{path}, changed by kubectl")
    with opened(chromium, address, size=WIDE, complains=REFUSED) as page:
        sign_in(page)
        expect(page.get_by_role("group", name="watched.yaml")).to_be_visible()
        app.delete("trainingjobs", "watched")
        expect(page.get_by_role("button", name="Keep it as a new run")).to_be_visible()
        assert_accessible(page, "new, deleted by kubectl")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("no/such/page", "page"),
        (f"runs/TrainingJob/{NAMESPACE}/missing", "Studio cannot show"),
        (f"runs/TrainingJob/{OTHER_NAMESPACE}/missing", "may not get"),
        (f"modeler?run=TrainingJob/{NAMESPACE}/missing", "Try again"),
        (f"modeler?run=TrainingJob/{OTHER_NAMESPACE}/missing", "Try again"),
        (f"modeler?draft={NAMESPACE}/missing", "no such draft"),
        (f"new?run=TrainingJob/{NAMESPACE}/missing", "Try again"),
        (f"models/{NAMESPACE}/missing", "missing"),
        (f"compare?run=TrainingJob/{NAMESPACE}/missing&run=TrainingJob/{NAMESPACE}/gone", "Studio cannot show"),
        (f"?namespace={OTHER_NAMESPACE}", "You may not list the runs here."),
        (f"storage?namespace={OTHER_NAMESPACE}", "Storage"),
    ],
)
def test_a_page_with_an_error(chromium: Browser, app: Studio, path: str, text: str) -> None:
    with opened(chromium, f"{app.url}/{path}", size=WIDE, complains=REFUSED) as page:
        sign_in(page)
        expect(page.get_by_role("main").get_by_text(text).first).to_be_visible()
        expect(page.locator(".loading, .page-wait")).to_have_count(0)
        assert_accessible(page, f"error of /{path}")


@pytest.mark.parametrize(
    "path",
    [f"runs/TrainingJob/{NAMESPACE}/kept", f"modeler?run=TrainingJob/{NAMESPACE}/kept", f"new?namespace={NAMESPACE}"],
)
def test_a_lost_connection_and_an_expired_token(chromium: Browser, app: Studio, path: str) -> None:
    if "kept" not in app.names("trainingjobs"):
        put_running(app, "kept")
    with opened(chromium, f"{app.url}/{path}", size=WIDE, complains=LOST) as page:
        page.route("**/api/stream*", lambda route: route.abort())
        sign_in(page)
        expect(page.get_by_text("Not connected")).to_be_visible()
        assert_accessible(page, f"lost connection of /{path}")
        page.unroute("**/api/stream*")
        page.context.clear_cookies()  # as at their end
        page.get_by_role("button", name="Connect now").click()
        expect(page.get_by_role("heading", name="Sign in again")).to_be_visible()
        assert_accessible(page, f"expired token of /{path}")


def test_a_viewer_may_save_nothing(chromium: Browser, app: Studio) -> None:
    with opened(chromium, f"{app.url}/new?namespace={NAMESPACE}", size=WIDE, complains=REFUSED) as page:
        sign_in(page, VIEWER)
        page.locator(".template").first.click()
        page.get_by_role("button", name="Save suspended").click()
        expect(page.locator(".panel").get_by_role("alert")).to_be_visible()
        assert_accessible(page, "new run of a viewer, refused")
