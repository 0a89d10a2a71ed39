"""The time until 1,000 runs of the local cluster are shown, without a watch that another page has left."""

import json
import time
from statistics import median

from playwright.sync_api import Browser

from tests.bench.figures import Figure, spread
from tests.bench.studio.measured_page import context_of, until
from tests.bench.studio.runs_list import COUNT, LINKS, RUNS, name_of
from tests.kit.jobs import digits
from tests.kit.kubectl import items, kubectl
from tests.kit.studio_cluster import create_user, studio_in_browser
from tests.kit.studio_page import sign_in

NAMESPACE = "bench-list"
REPEATS = 10
SECONDS = 1.0
CREATE_SECONDS = 300


def first_list() -> list[Figure]:
    """Measure the list in Chromium, and a list of the API server beside it."""
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait", timeout=CREATE_SECONDS)
    kubectl("create", "namespace", NAMESPACE)
    jobs = [digits(name_of(index), suspend=True) for index in range(RUNS)]
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": jobs})
    kubectl("create", "--namespace", NAMESPACE, "--filename", "-", stdin=manifest, timeout=CREATE_SECONDS)
    create_user(NAMESPACE, "ada", "edit")
    shown, listed = [], []
    with studio_in_browser() as (chromium, address):
        for _ in range(REPEATS + 1):
            shown.append(_shown(chromium, address))
            listed.append(_listed())
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    # The first page starts the browser's processes.
    baseline, measured = spread(listed[1:]), spread(shown[1:])
    return [
        Figure(
            f"{RUNS:,} runs of the local cluster shown",
            f"a list of the API server: {baseline}",
            measured,
            f"{SECONDS:g} s",
            median(shown[1:]) <= SECONDS,
        )
    ]


def _shown(chromium: Browser, address: str) -> float:
    """Return the seconds from the navigation until all runs are there, for a token that Studio has not seen."""
    token = kubectl("create", "token", "ada", "--namespace", NAMESPACE).strip()
    with context_of(chromium) as context:
        page = context.new_page()
        page.goto(f"{address}/storage")
        sign_in(page, token)
        page.goto(f"{address}/?namespace={NAMESPACE}", wait_until="commit")
        return until(page, f"{COUNT} === '{RUNS}' && {LINKS}.length > 0") / 1000


def _listed() -> float:
    begin = time.monotonic()
    assert len(items("trainingjobs", namespace=NAMESPACE)) == RUNS
    return time.monotonic() - begin
