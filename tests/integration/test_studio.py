"""Studio in a real browser, on the real back end: signed in, watched, changed, compared, by keyboard, narrow."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.kit.axe import assert_accessible
from tests.kit.browser import NARROW, browser, opened, tab_to
from tests.kit.studio import (
    ADMINISTRATOR,
    EDITOR,
    NAMESPACE,
    OTHER_NAMESPACE,
    SECRET,
    VIEWER,
    Studio,
    studio,
)
from tests.kit.studio_client import Client
from tests.kit.studio_page import sign_in
from tests.kit.studio_runs import EPOCHS, failed, history, put_complete, put_running, running, spec

LIST = f"{{}}/?namespace={NAMESPACE}"
REFUSED = ("status of 401", "status of 403", "status of 404", "status of 409", "status of 422")
"""A browser reports every answer that is a refusal."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with studio(tmp_path_factory.mktemp("studio")) as app:
        app.put_secret()
        yield app


def test_a_wrong_token_is_refused_with_the_reason(chromium: Browser, app: Studio) -> None:
    with opened(chromium, app.url, complains=REFUSED) as page:
        assert_accessible(page, "sign-in")
        for token, message in (("", "The token is empty"), ("a b", "spaces"), ("another-token", "does not accept")):
            page.get_by_label("Token of Kubernetes").fill(token)
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_role("alert")).to_contain_text(message)
        assert_accessible(page, "sign-in, refused")


def test_a_user_signs_in_and_out(chromium: Browser, app: Studio) -> None:
    with opened(chromium, app.url, complains=REFUSED) as page:
        sign_in(page, ADMINISTRATOR)
        expect(page.get_by_text("root", exact=True)).to_be_visible()
        page.get_by_label("Namespace").select_option(NAMESPACE)
        assert EDITOR not in page.content()
        assert page.evaluate("document.cookie") == ""
        (cookie,) = page.context.cookies()
        assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
        assert ADMINISTRATOR not in cookie["value"]
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Token of Kubernetes")).to_be_visible()
        assert page.context.cookies() == []


def listed(page: Page, name: str) -> Locator:
    """Returns the row of a run in the list."""
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def open_actions(page: Page, name: str) -> Locator:
    """Opens the menu of a run, and returns it when its actions are there."""
    page.get_by_role("button", name=f"Actions for {name}", exact=True).click()
    menu = page.locator(".menu")
    expect(menu.get_by_role("button", name="Delete…")).to_be_visible()
    return menu


def test_the_list_follows_the_cluster(chromium: Browser, app: Studio) -> None:
    with opened(chromium, LIST.format(app.url), complains=REFUSED) as page:
        sign_in(page)
        assert_accessible(page, "runs")
        put_running(app, "followed", epoch=2)
        expect(listed(page, "followed")).to_contain_text(f"2/{EPOCHS}")
        app.set_status("trainingjobs", "followed", **running(3))
        expect(listed(page, "followed")).to_contain_text(f"3/{EPOCHS}")
        put_complete(app, "ended")
        expect(listed(page, "ended")).to_contain_text("Complete")
        assert_accessible(page, "runs, two")
        page.get_by_role("searchbox").fill("followed")
        expect(listed(page, "ended")).to_have_count(0)
        page.get_by_role("searchbox").fill("no such run")
        expect(page.get_by_role("heading", name="No runs pass the filter")).to_be_visible()
        assert_accessible(page, "runs, filtered")
        page.get_by_role("button", name="Clear the filter").click()
        app.delete("trainingjobs", "followed")
        expect(listed(page, "followed")).to_have_count(0)
        expect(listed(page, "ended")).to_be_visible()


def test_actions_change_the_object_with_the_rights_of_the_user(chromium: Browser, app: Studio) -> None:
    put_running(app, "changed")
    with opened(chromium, LIST.format(app.url), complains=REFUSED) as page:
        sign_in(page)
        menu = open_actions(page, "changed")
        assert_accessible(page, "runs, menu")
        menu.get_by_role("button", name="Suspend").click()
        expect(menu).to_be_hidden()
        assert app.get("trainingjobs", "changed")["spec"]["suspend"] is True
        managers = {entry["manager"] for entry in app.get("trainingjobs", "changed")["metadata"]["managedFields"]}
        assert "epochal-studio" in managers
        menu = open_actions(page, "changed")
        menu.get_by_role("button", name="Delete…").click()
        expect(page.get_by_role("dialog")).to_contain_text("Delete TrainingJob changed?")
        assert_accessible(page, "runs, delete")
        page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
        expect(listed(page, "changed")).to_have_count(0)


def test_the_change_of_another_user_is_a_conflict(chromium: Browser, app: Studio) -> None:
    put_running(app, "disputed")
    with opened(chromium, LIST.format(app.url), complains=REFUSED) as page:
        sign_in(page)
        menu = open_actions(page, "disputed")
        app.patch_spec("trainingjobs", "disputed", activeDeadlineSeconds=4321)
        menu.get_by_role("button", name="Suspend").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("disputed has changed since you opened it")
        expect(dialog).to_contain_text("4321")
        assert app.get("trainingjobs", "disputed")["spec"]["suspend"] is False
        assert_accessible(page, "runs, conflict")
        dialog.get_by_role("button", name="Suspend the current version").click()
        expect(dialog).to_have_count(0)
        assert app.get("trainingjobs", "disputed")["spec"]["suspend"] is True


def test_a_viewer_may_change_nothing(chromium: Browser, app: Studio) -> None:
    put_running(app, "looked-at")
    with opened(chromium, LIST.format(app.url), complains=REFUSED) as page:
        sign_in(page, VIEWER)
        page.get_by_role("button", name="Actions for looked-at", exact=True).click()
        expect(page.locator(".menu")).to_contain_text("may read this object, but not change it")
        assert_accessible(page, "runs, menu of a viewer")


def test_runs_are_compared(chromium: Browser, app: Studio) -> None:
    for name, size in (("small-batch", 32), ("large-batch", 128)):
        put_complete(app, name, training=spec()["training"] | {"batchSize": size})
    with opened(chromium, LIST.format(app.url), complains=REFUSED) as page:
        sign_in(page)
        for name in ("small-batch", "large-batch"):
            page.get_by_role("checkbox", name=f"Select {name}").check()
        page.get_by_role("region", name="Selection").get_by_role("link", name="Compare").click()
        expect(page.get_by_role("heading", name="Compare 2 runs")).to_be_visible()
        fields = page.locator("section", has=page.get_by_role("heading", name="Differing fields"))
        expect(fields).to_contain_text("batchSize")
        expect(fields.get_by_role("cell", name="128", exact=True)).to_be_visible()
        page.get_by_text("All values of val_loss").scroll_into_view_if_needed()  # only visible charts are mounted
        expect(page.locator("canvas").first).to_be_visible()
        assert_accessible(page, "compare")


def test_200_runs_are_compared_and_read_by_keys(chromium: Browser, app: Studio) -> None:
    names = [f"one-of-many-compared-runs-{number:03}" for number in range(200)]
    for number, name in enumerate(names):
        put_complete(app, name, training=spec()["training"] | {"batchSize": number + 1, "epochs": 1 + number % 5})
    query = "&".join(f"run=TrainingJob/{NAMESPACE}/{name}" for name in names)
    with opened(chromium, f"{app.url}/compare?{query}", complains=REFUSED) as page:
        sign_in(page)
        expect(page.get_by_role("heading", name="Compare 200 runs")).to_be_visible()
        expect(page.get_by_role("table", name="Compared runs").get_by_role("row")).to_have_count(len(names) + 1)
        cursor = page.get_by_role("slider", name="Parallel coordinates")
        # The picture fills its card.
        width, place = page.locator(".parallel").evaluate("svg => [svg.clientWidth, svg.parentElement.clientWidth]")
        assert abs(width - place) <= 1
        cursor.focus()
        for key in ("ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowRight", "Home"):
            cursor.press(key)
        expect(page.locator(".parallel-values strong")).to_contain_text(f"training.batchSize 1: {names[0]}")
        cursor.press("End")
        expect(page.locator(".parallel-values strong")).to_have_text(f"training.batchSize 200: {names[-1]}")
        assert_accessible(page, "compare, 200 runs")
    for name in names:
        app.delete("trainingjobs", name)


def test_a_storage_is_connected(chromium: Browser, app: Studio) -> None:
    with opened(chromium, f"{app.url}/storage?namespace={NAMESPACE}", complains=REFUSED) as page:
        sign_in(page)
        expect(page.get_by_role("heading", name="Connect a storage")).to_be_visible()
        assert_accessible(page, "storage")
        page.get_by_role("button", name="Connect", exact=True).click()
        expect(page.get_by_role("alert").first).to_be_visible()
        assert_accessible(page, "storage, refused")
        page.get_by_label("Access key").fill("another-access-key")
        page.get_by_label("Secret key").fill("another-secret-key")
        page.get_by_role("button", name="Connect", exact=True).click()
        expect(page.get_by_role("heading", name="The storage is connected")).to_be_visible()
        assert_accessible(page, "storage, connected")
        stored = app.get("secrets", "storage-credentials")  # with stringData, which a real API server would encode
        assert stored["stringData"] == {"accessKey": "another-access-key", "secretKey": "another-secret-key"}
        assert "another-secret-key" not in page.content()


def test_an_ended_session_leads_back_to_the_same_page(chromium: Browser, app: Studio) -> None:
    put_complete(app, "kept")
    with opened(chromium, LIST.format(app.url), complains=REFUSED) as page:
        sign_in(page)
        expect(listed(page, "kept")).to_be_visible()
        page.context.clear_cookies()  # as at their end
        listed(page, "kept").get_by_role("link", name="kept", exact=True).click()
        expect(page.get_by_role("heading", name="Sign in again")).to_be_visible()
        assert_accessible(page, "sign-in, again")
        sign_in(page)
        expect(page.get_by_role("heading", name="kept", exact=True)).to_be_visible()


def test_a_lost_connection_is_shown_and_restored(chromium: Browser, app: Studio) -> None:
    put_running(app, "connected")
    with opened(chromium, LIST.format(app.url), complains=(*REFUSED, "net::ERR_")) as page:
        page.route("**/api/stream*", lambda route: route.abort())
        sign_in(page)
        expect(page.get_by_text("Not connected")).to_be_visible()
        assert_accessible(page, "runs, not connected")
        page.unroute("**/api/stream*")
        page.get_by_role("button", name="Connect now").click()
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        app.set_status("trainingjobs", "connected", **running(5))
        expect(listed(page, "connected")).to_contain_text(f"5/{EPOCHS}")


def test_the_keyboard_is_enough(chromium: Browser, app: Studio) -> None:
    """Signs in, finds a run, looks at its log, and suspends it, without a mouse."""
    put_running(app, "by-keys")
    with opened(chromium, app.url, complains=REFUSED) as page:
        expect(page.get_by_label("Token of Kubernetes")).to_be_focused()
        page.keyboard.type(EDITOR)
        page.keyboard.press("Enter")
        tab_to(page, page.get_by_role("main").get_by_label("Namespace", exact=True))
        page.keyboard.type(NAMESPACE)
        page.keyboard.press("Enter")
        expect(listed(page, "by-keys")).to_be_visible()
        tab_to(page, page.get_by_role("searchbox"))
        page.keyboard.type("by-keys")
        tab_to(page, page.locator('[role="row"][tabindex="0"]'))
        page.keyboard.press("ArrowDown")
        expect(listed(page, "by-keys")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="by-keys", exact=True)).to_be_visible()
        tab_to(page, page.get_by_role("navigation", name="Sections").get_by_role("link", name="Log"))
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Log", exact=True)).to_be_visible()
        tab_to(page, page.get_by_role("navigation", name="Pages").get_by_role("link", name="Runs"))
        page.keyboard.press("Enter")
        tab_to(page, page.get_by_role("searchbox"))
        page.keyboard.type("by-keys")
        tab_to(page, page.locator('[role="row"][tabindex="0"]'))
        page.keyboard.press("ArrowDown")
        tab_to(page, page.get_by_role("button", name="Actions for by-keys"))
        page.keyboard.press("Enter")
        expect(page.locator(".menu").get_by_role("button", name="Suspend")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".menu")).to_be_hidden()
        assert app.get("trainingjobs", "by-keys")["spec"]["suspend"] is True


def section(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Sections").get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def test_a_run_shows_its_curves_log_and_files(chromium: Browser, app: Studio) -> None:
    put_complete(app, "digits")
    with opened(chromium, f"{app.url}/runs/TrainingJob/{NAMESPACE}/digits", complains=REFUSED) as page:
        sign_in(page)
        expect(page.get_by_role("heading", name="digits", exact=True)).to_be_visible()
        expect(page.locator(".run-header")).to_contain_text("Complete")
        page.get_by_text("All values of loss").click()
        values = page.get_by_role("table", name="Values of loss")
        expect(values.get_by_role("row")).to_have_count(EPOCHS + 1)
        expect(page.locator("canvas").first).to_be_visible()
        assert_accessible(page, "run, overview")
        section(page, "Log")
        expect(page.get_by_role("log")).to_contain_text(f"{EPOCHS}/{EPOCHS}")
        assert_accessible(page, "run, log")
        section(page, "Files")
        with page.expect_download() as download:
            page.get_by_role("link", name="history.csv").click()
        assert download.value.path().read_bytes() == history()
        for name in ("Events", "Network", "Data", "Evaluation", "Files", "YAML"):
            section(page, name)
            expect(page.locator(".loading")).to_have_count(0)
            assert_accessible(page, f"run, {name}")


def test_a_running_training_moves_on_by_itself(chromium: Browser, app: Studio) -> None:
    put_running(app, "moving", epoch=2)
    app.put_results("trainingjobs", "moving", {"history.csv": history()})
    with opened(chromium, f"{app.url}/runs/TrainingJob/{NAMESPACE}/moving", complains=REFUSED) as page:
        sign_in(page)
        expect(page.get_by_text(f"epoch 2 of {EPOCHS}")).to_be_visible()
        app.set_status("trainingjobs", "moving", **running(3))
        expect(page.get_by_text(f"epoch 3 of {EPOCHS}")).to_be_visible()
        app.set_status("trainingjobs", "moving", **failed("InvalidSpec", "training.loss: unknown <b>loss</b>"))
        expect(page.get_by_text("training.loss: unknown <b>loss</b>")).to_be_visible()  # as text
        assert_accessible(page, "run, failed")


def test_a_user_with_the_role_view_sees_why_there_are_no_curves(chromium: Browser, app: Studio) -> None:
    put_complete(app, "viewed")
    with opened(chromium, f"{app.url}/runs/TrainingJob/{NAMESPACE}/viewed", complains=REFUSED) as page:
        sign_in(page, VIEWER)
        expect(page.get_by_text(f"You may not read the Secret {SECRET}")).to_be_visible()
        expect(page.get_by_role("button", name="Deploy")).to_have_count(0)
        assert_accessible(page, "run, viewer")


def test_a_run_of_another_namespace_is_refused(chromium: Browser, app: Studio) -> None:
    app.put("trainingjobs", "secret", spec(), namespace=OTHER_NAMESPACE)
    with opened(chromium, f"{app.url}/runs/TrainingJob/{OTHER_NAMESPACE}/secret", complains=REFUSED) as page:
        sign_in(page)
        expect(page.get_by_text("may not get")).to_be_visible()
        assert_accessible(page, "run, refused")


def test_a_model_is_deployed(chromium: Browser, app: Studio) -> None:
    put_complete(app, "served")
    with opened(chromium, f"{app.url}/runs/TrainingJob/{NAMESPACE}/served", complains=REFUSED) as page:
        sign_in(page)
        page.get_by_role("button", name="Deploy").click()
        assert_accessible(page, "run, deploy")
        page.get_by_label("Name of the ModelServer").fill("digits-server")
        page.get_by_role("dialog").get_by_role("button", name="Deploy").click()
        expect(page.get_by_role("heading", name="digits-server")).to_be_visible()
        assert app.get("modelservers", "digits-server")["spec"]["source"] == {"trainingJobRef": {"name": "served"}}
        assert_accessible(page, "model server")


@pytest.mark.parametrize(
    ("path", "heading"),
    [
        (f"?namespace={NAMESPACE}", "Runs"),
        (f"runs/TrainingJob/{NAMESPACE}/narrow", "narrow"),
        (f"compare?run=TrainingJob/{NAMESPACE}/narrow", "Compare 1 run"),
        (f"storage?namespace={NAMESPACE}", "Storage"),
    ],
)
def test_a_narrow_screen_needs_no_scrolling_to_the_side(
    chromium: Browser, app: Studio, path: str, heading: str
) -> None:
    if "narrow" not in app.names("trainingjobs"):
        put_complete(app, "narrow")
    with opened(chromium, f"{app.url}/{path}", size=NARROW, complains=REFUSED) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == NARROW[0]
        sign_in(page)
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        expect(page.locator(".loading")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") == NARROW[0]
        assert_accessible(page, f"narrow /{path}")


def test_requests_of_other_sites_are_refused(chromium: Browser, app: Studio) -> None:
    """By the address bar's name, and by the origin: another port is another origin of the same site."""
    other = app.url.replace("localhost", "studio.test")
    context = chromium.new_context()
    page = context.new_page()
    answer = page.goto(other)
    assert answer is not None
    assert answer.status == 421
    context.close()


def test_no_token_is_in_the_log(app: Studio) -> None:
    for token in (EDITOR, VIEWER, ADMINISTRATOR):
        assert Client(app.url, NAMESPACE).sign_in(token).status == 200
    log = app.log.read_text()
    assert "/api/session" in log
    for token in (EDITOR, VIEWER, ADMINISTRATOR, "secret-key"):
        assert token not in log
