"""Studio on the cluster: users sign in with tokens of kubectl, and each side sees the changes of the other."""

from collections.abc import Iterator
from functools import partial

import pytest
from playwright.sync_api import expect

from tests.kit import operator, tokens
from tests.kit.browser import browser, opened, tab_to
from tests.kit.buckets import ENDPOINT
from tests.kit.documents import ROOT
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import kubectl, wait
from tests.kit.machine_network import CHROMIUM
from tests.kit.open_ports import open_ports
from tests.kit.operator import NAMESPACE
from tests.kit.studio_client import Client
from tests.kit.studio_cluster import create_user, studio_address, studio_in_browser
from tests.kit.studio_page import sign_in

RUN = "watched"
KIND = "TrainingJob"
ROLES = {"ada": "edit", "victor": "view"}
SECONDS = 60


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The installed Studio."""
    with studio_address() as found:
        yield found


@pytest.fixture(scope="module")
def run(namespace: Namespace) -> str:
    """A training that ends when a test finishes it, applied by kubectl."""
    namespace.apply(digits(RUN, training__epochs=100_000, training__callbacks=[]))
    return RUN


@pytest.fixture(scope="module")
def users(namespace: Namespace, address: str) -> dict[str, Client]:
    """A user for each of the roles, signed in with a token as `kubectl create token` prints it."""
    clients = {}
    for name, role in ROLES.items():
        clients[name] = Client(address, namespace.name)
        signed_in = clients[name].sign_in(create_user(namespace.name, name, role))
        assert signed_in.status == 200, signed_in
        assert signed_in.content["user"] == f"system:serviceaccount:{namespace.name}:{name}"
        assert signed_in.content["namespaces"] is None  # these roles may not list namespaces
        assert signed_in.content["storageEndpoints"] == [ENDPOINT]
    return clients


def sees(client: Client, name: str) -> bool:
    return name in client.runs()


def spec_suspend(namespace: Namespace) -> bool:
    return bool(namespace.job(RUN)["spec"].get("suspend"))


def act(client: Client, namespace: Namespace, action: str) -> int:
    """Sends an action for the run in its current version, and returns the status of the answer."""
    seen = client.run(KIND, RUN).content["summary"]
    # The operator writes the status meanwhile: with the generation, that is no conflict.
    body = {"action": action, "resourceVersion": seen["resourceVersion"], "generation": seen["generation"]}
    return client.run(KIND, RUN, "actions", body).status


def test_the_pages_are_served_with_a_strict_policy(address: str) -> None:
    page = Client(address, "").ask("/")
    assert page.status == 200
    assert b"<script" in page.content
    assert "require-trusted-types-for 'script'" in page.headers["Content-Security-Policy"]


def test_no_token_but_that_of_a_user_is_accepted(address: str, namespace: Namespace, users: dict[str, Client]) -> None:
    stranger = Client(address, namespace.name)
    assert stranger.ask("/api/session").status == 401
    assert stranger.run(KIND, RUN).status == 401
    real = kubectl("create", "token", "ada", "--namespace", namespace.name).strip()
    of_trainers = tokens.request(namespace.name)  # for the audience of the operator
    for token in (tokens.forged(real), tokens.issued(real, ago=600, seconds=60), of_trainers, "no-token"):
        assert stranger.sign_in(token).status == 401
    assert users["ada"].ask("/api/session").status == 200


def test_a_run_made_by_kubectl_appears(run: str, users: dict[str, Client]) -> None:
    for user in users.values():
        wait("the run", partial(sees, user, run), seconds=SECONDS)
        found = user.runs()[run]
        assert (found["kind"], found["namespace"]) == (KIND, user.namespace)


def test_suspend_and_resume_are_seen_by_kubectl(run: str, namespace: Namespace, users: dict[str, Client]) -> None:
    ada = users["ada"]
    namespace.wait_epoch(1, run)
    assert act(ada, namespace, "suspend") == 200
    assert spec_suspend(namespace)
    namespace.wait_state("Suspended", name=run)
    wait("the state in Studio", lambda: ada.runs()[run]["state"] == "Suspended", seconds=SECONDS)
    assert act(ada, namespace, "resume") == 200
    assert not spec_suspend(namespace)
    namespace.wait_state("Running", name=run)


def test_a_change_of_an_older_version_is_a_conflict(run: str, namespace: Namespace, users: dict[str, Client]) -> None:
    seen = users["ada"].run(KIND, run).content["summary"]
    namespace.patch({"suspend": True}, run)
    body = {"action": "finish", "resourceVersion": seen["resourceVersion"], "generation": seen["generation"]}
    answer = users["ada"].run(KIND, run, "actions", body)
    assert (answer.status, answer.content["reason"]) == (409, "Conflict")
    assert answer.content["current"]["spec"]["suspend"] is True
    assert "finish" not in namespace.job(run)["spec"]
    namespace.patch({"suspend": False}, run)
    namespace.wait_state("Running", name=run)


@pytest.mark.alone
def test_an_open_page_shows_the_next_epochs_after_a_restart_of_the_operator(namespace: Namespace) -> None:
    name = "long"
    namespace.apply(digits(name, training__epochs=100_000, training__callbacks=[]))
    namespace.wait_epoch(1, name)
    token = create_user(namespace.name, "grace", "edit")
    with studio_in_browser() as (chromium, address), opened(chromium, address, complains=("status of 401",)) as page:
        sign_in(page, token)
        page.get_by_role("main").get_by_label("Namespace", exact=True).fill(namespace.name)
        page.keyboard.press("Enter")
        row = page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
        expect(row).to_contain_text("Running")
        before = namespace.status(name)["progress"]["epoch"]
        operator.kill()
        namespace.wait_epoch(before + 20, name)
        namespace.patch({"suspend": True}, name)
        ended = namespace.wait_state("Suspended", name=name)["progress"]["epoch"]
        expect(row).to_contain_text("Suspended")
        expect(row).to_contain_text(f"{ended}/100000")
    kubectl("delete", "tj", name, "--namespace", namespace.name, "--wait=false")


def test_curves_log_and_files_are_read_from_minio(run: str, namespace: Namespace, users: dict[str, Client]) -> None:
    ada = users["ada"]
    namespace.wait_state("Running", name=run)
    assert act(ada, namespace, "finish") == 200
    namespace.complete(run)
    history = ada.run(KIND, run, "history").content
    assert (history["source"], history["problem"]) == ("bucket", None)
    curves = {curve["name"]: curve for curve in history["curves"]}
    assert {"loss", "val_loss"} <= curves.keys()
    assert curves["loss"]["epochs"][0] == 1
    assert b"finished early on request" in ada.run(KIND, run, "log").content
    files = {file["path"]: file["size"] for file in ada.run(KIND, run, "files").content["files"]}
    assert {"history.csv", "model.keras", "summary.json"} <= files.keys()
    download = ada.run(KIND, run, "files/history.csv")
    assert len(download.content) == files["history.csv"]
    assert download.headers["Content-Disposition"].startswith("attachment")
    assert download.headers["X-Content-Type-Options"] == "nosniff"


def test_a_viewer_sees_the_status_and_why_there_is_no_more(
    run: str, namespace: Namespace, users: dict[str, Client]
) -> None:
    victor = users["victor"]
    detail = victor.run(KIND, run).content
    assert detail["summary"]["state"] == "Complete"
    assert not {"suspend", "resume", "finish", "delete"} & set(detail["permissions"])
    history = victor.run(KIND, run, "history").content
    assert history["source"] == "status"
    assert "Secret" in history["problem"]["message"]
    path = f"/api/runs/{KIND}/{namespace.name}/{run}?uid={detail['summary']['uid']}"
    assert victor.ask(path, method="DELETE").status == 403
    assert namespace.job(run)


def test_a_user_reads_nothing_of_another_namespace(users: dict[str, Client], address: str) -> None:
    stranger = Client(address, NAMESPACE, users["ada"].cookies)
    answer = stranger.run(KIND, RUN)
    assert (answer.status, answer.content["reason"]) == (403, "Forbidden")


def test_a_user_finds_the_run_in_the_browser_by_keyboard_alone(
    run: str, namespace: Namespace, users: dict[str, Client]
) -> None:
    assert users["ada"].cookies
    token = kubectl("create", "token", "ada", "--namespace", namespace.name).strip()
    refused = ("status of 401",)  # before the sign-in
    with studio_in_browser() as (chromium, address), opened(chromium, address, complains=refused) as page:
        expect(page.get_by_label("Token of Kubernetes")).to_be_focused()
        page.keyboard.insert_text(token)
        page.keyboard.press("Enter")
        tab_to(page, page.get_by_role("main").get_by_label("Namespace", exact=True))
        page.keyboard.type(namespace.name)
        page.keyboard.press("Enter")
        row = page.get_by_role("row").filter(has=page.get_by_role("link", name=run, exact=True))
        expect(row).to_contain_text("Complete")
        tab_to(page, page.locator('[role="row"][tabindex="0"]'))
        page.keyboard.press("ArrowDown")
        expect(row).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name=run, exact=True)).to_be_visible()
        expect(page.get_by_text("All values of loss")).to_be_visible()
        tab_to(page, page.get_by_role("navigation", name="Sections").get_by_role("link", name="Log"))
        page.keyboard.press("Enter")
        expect(page.get_by_role("log")).to_contain_text("/100000")


def test_a_browser_of_the_machine_opens_the_address_of_make_demo_studio(
    run: str, namespace: Namespace, users: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\ndemo-studio:")[2].partition("\n\n")[0]
    assert recipe.endswith("\n\t@$(CLUSTER) open")
    assert users["ada"].cookies
    token = kubectl("create", "token", "ada", "--namespace", namespace.name).strip()
    with open_ports() as ports:
        monkeypatch.setenv("EPOCHAL_MACHINE_NETWORK", ports.network)
        with browser(CHROMIUM) as chromium, opened(chromium, ports.url("Studio"), complains=("status of 401",)) as page:
            sign_in(page, token)
            page.get_by_role("main").get_by_label("Namespace", exact=True).fill(namespace.name)
            page.keyboard.press("Enter")
            expect(page.get_by_role("link", name=run, exact=True)).to_be_visible()


def test_signing_out_deletes_the_cookies(address: str, namespace: Namespace, users: dict[str, Client]) -> None:
    client = Client(address, namespace.name, dict(users["victor"].cookies))
    assert client.ask("/api/session", method="DELETE").status == 204
    assert not any(client.cookies.values())
    assert client.ask("/api/session").status == 401


def test_the_pod_has_no_token_and_a_network_policy() -> None:
    where = ("--namespace", NAMESPACE, "--output")
    assert kubectl("get", "networkpolicy", "epochal-studio", *where, "name").strip()
    selector = ("--selector", "app.kubernetes.io/name=epochal-studio")
    mounts = kubectl(
        "get", "pods", *selector, *where, "jsonpath={.items[*].spec.containers[*].volumeMounts[*].mountPath}"
    )
    assert sorted(mounts.split()) == ["/etc/epochal/api-server", "/tmp"]
