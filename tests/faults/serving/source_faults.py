"""Faults of a server's source: its storage, and models that cannot be served."""

import json
import time
from collections.abc import Callable
from functools import partial

from tests.faults.s3proxy import Mode
from tests.faults.serving import models
from tests.faults.serving.bed import REPLICAS, Bed
from tests.faults.serving.models import Files
from tests.faults.serving.scenario import Scenario
from tests.kit.kubectl import Refused, kubectl, wait
from tests.kit.trained_model import TrainedModel

OUTAGE_SECONDS = 10
STARTED_SECONDS = 60
SEEN_SECONDS = 90
WAITS = "waiting for the storage"


def lose_storage(bed: Bed) -> str:
    """Takes the storage away while pods serve."""
    asked = bed.proxy.requests
    bed.proxy.mode = Mode.CUT
    try:
        time.sleep(OUTAGE_SECONDS)
    finally:
        bed.proxy.mode = Mode.WELL
    assert bed.server.status["state"] == "Ready", bed.server.describe()
    assert bed.proxy.requests == asked, "a server that serves has asked its storage"
    return f"{OUTAGE_SECONDS} s; nobody asked it anything"


def start_without_storage(bed: Bed) -> str:
    """Adds a pod while the storage is away: it waits, with a reason."""
    before = {pod["metadata"]["name"] for pod in bed.server.pods()}
    bed.proxy.mode = Mode.CUT
    try:
        bed.server.patch(replicas=REPLICAS + 1)
        name = wait(
            "another pod",
            lambda: next((found for found in _names(bed) if found not in before), None),
            seconds=STARTED_SECONDS,
        )
        wait(f"{name} to say for what it waits", lambda: _says(bed, name), seconds=STARTED_SECONDS)
        time.sleep(OUTAGE_SECONDS)
    finally:
        bed.proxy.mode = Mode.WELL
    reason = _says(bed, name)
    wait("all pods to be ready", lambda: len(bed.server.ready_pods()) == REPLICAS + 1, seconds=STARTED_SECONDS)
    restarts = bed.server.restarts(name)
    bed.server.patch(replicas=REPLICAS)
    assert not restarts, f"{restarts} restarts"
    return f"{OUTAGE_SECONDS} s and more: “{reason.partition(' at ')[0]} …”, and no restart"


def _names(bed: Bed) -> list[str]:
    return [pod["metadata"]["name"] for pod in bed.server.pods()]


def _says(bed: Bed, name: str) -> str:
    """Returns the reason why a pod waits; empty if it does not."""
    try:
        log = kubectl("logs", name, "--namespace", bed.namespace)
    except Refused:  # its container is not there yet
        return ""
    messages = [json.loads(line)["message"] for line in log.splitlines()]
    return next((message for message in reversed(messages) if message.startswith(WAITS)), "")


def roll_out(make: Callable[[TrainedModel], Files], reason: str, bed: Bed) -> str:
    """Rolls out a model that must not be served: the old pods serve on, and a condition has the reason."""
    source = make(bed.network).put(bed, reason.lower())
    pods = {pod["metadata"]["uid"] for pod in bed.server.ready_pods()}
    bed.server.patch(source=source)
    condition = bed.server.wait_condition("Progressing", "False", reason=reason, seconds=SEEN_SECONDS)
    ready = bed.server.condition("Ready")
    assert ready["status"] == "True", ready
    still = {pod["metadata"]["uid"] for pod in bed.server.ready_pods()}
    assert pods <= still, f"of the pods of before, {len(pods - still)} are gone"
    bed.server.patch(source=bed.source)
    return f"Progressing=False, {condition['reason']}; the pods of before served on"


SCENARIOS = (
    Scenario("storage gone while serving", lose_storage),
    Scenario("storage gone as a pod starts", start_without_storage),
    Scenario("rollout to a model that is damaged", partial(roll_out, models.damaged, "ModelDamaged")),
    Scenario("rollout to what is no model", partial(roll_out, models.broken, "ModelRefused")),
    Scenario("rollout to a model that answers otherwise", partial(roll_out, models.differing, "CheckDiffers")),
)
