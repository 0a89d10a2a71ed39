"""Faults of the cluster and of the operator: nothing is lost.

One try each of what `make faults` tries more often, beside what is no matter of resuming.
"""

import time
from collections.abc import Iterator

import pytest

from tests.faults import cluster_faults, trainer_faults
from tests.faults.cluster import without
from tests.faults.disturbed_training import Training
from tests.faults.measure import bed, measure, once
from tests.faults.operator_faults import OperatorKills
from tests.faults.scenario import Scenario, Tryable
from tests.faults.table import Row
from tests.kit import operator
from tests.kit.jobs import EXAMPLES, Namespace, digits
from tests.kit.kubectl import Refused, get, kubectl, wait

pytestmark = pytest.mark.alone

LEASE_SECONDS = 15
AWAY_SECONDS = 3
EPOCHS = 10


def lose_control_plane(training: Training) -> None:
    """Stops the kubelet, then etcd, then the API server, in one training."""
    with without("kubelet"):
        for name in ("etcd", "kube-apiserver"):
            with without(name):
                time.sleep(AWAY_SECONDS)


KILLED_WITHOUT_KUBELET = "trainer killed with the kubelet away"
FAULTS: tuple[Tryable, ...] = (
    Scenario("control plane away", lose_control_plane, alone=True, repeats=False),
    *(once(scenario) for scenario in cluster_faults.SCENARIOS if scenario.name == KILLED_WITHOUT_KUBELET),
    *(once(scenario) for scenario in trainer_faults.SCENARIOS if scenario.alone),
    OperatorKills(jobs=3, kills=5, epochs=EPOCHS),
)


@pytest.fixture(scope="module")
def rows() -> Iterator[dict[str, Row]]:
    with bed("e2e-faults-bed", epochs=EPOCHS) as where:
        yield {row.name: row for row in measure(FAULTS, where)}


@pytest.mark.timeout(900)  # the first one tries them all
@pytest.mark.parametrize("fault", [scenario.name for scenario in FAULTS])
def test_the_fault_changes_no_result(rows: dict[str, Row], fault: str) -> None:
    rows[fault].check()


def test_an_operator_that_was_away_reports_the_finished_jobs_and_starts_the_new_one(namespace: Namespace) -> None:
    namespace.apply(digits("orphan"), digits("beside"))
    for name in ("orphan", "beside"):
        wait(f"the Job of {name}", lambda name=name: namespace.status(name).get("jobName"), seconds=20)  # type: ignore[misc]
    operator.scale(0)
    try:
        namespace.apply(digits("early", training__epochs=1))
        with pytest.raises(Refused, match=r"layers\[0\]\.layer: keras\.layers has no Conv2d; did you mean Conv2D\?"):
            namespace.apply(digits("misspelled", network__layers=[{"layer": "Conv2d", "filters": 8, "kernel_size": 3}]))
        kubectl("apply", "--dry-run=server", "--namespace", namespace.name, "--filename", str(EXAMPLES))
        for name in ("orphan", "beside"):
            kubectl("wait", "--for=condition=Complete", f"job/{name}", "--namespace", namespace.name, "--timeout=180s")
        assert namespace.status("early") == {}
    finally:
        operator.scale(1)
    status = namespace.complete("orphan", seconds=30)
    beside = namespace.complete("beside", seconds=30)
    assert status["test"] == beside["test"]
    assert status["progress"]["stage"] == "Done"
    assert status["progress"]["epoch"] > 0
    assert status["results"]["model"].endswith("model.keras")
    namespace.complete("early")


def test_two_replicas_hand_over_the_lease_and_lose_no_progress(namespace: Namespace) -> None:
    operator.scale(2)
    try:
        namespace.apply(digits("paired", training__epochs=60, training__callbacks=[]))
        namespace.wait_epoch(1, "paired")
        lease = get("lease", "epochal", namespace=operator.NAMESPACE)
        leader = lease["spec"]["holderIdentity"]
        assert leader in operator.pods()
        (follower,) = set(operator.pods()) - {leader}
        kubectl("delete", "pod", leader, "--namespace", operator.NAMESPACE, "--wait=false")

        def successor() -> str | None:
            holder: str = get("lease", "epochal", namespace=operator.NAMESPACE)["spec"]["holderIdentity"]
            return None if holder in {"", leader} else holder

        # Given back, not run out; the pod that replaces the leader comes too late to be the next.
        assert wait("another leader", successor, seconds=LEASE_SECONDS) == follower
        status = namespace.complete("paired")
        assert (status["progress"]["epoch"], status["attempt"]) == (60, 1)
    finally:
        operator.scale(1)
