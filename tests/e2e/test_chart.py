"""The chart's life with a job running: upgrade, uninstall, install again. The training never notices."""

import json

import pytest

from tests.kit import operator
from tests.kit.chart import helm, image_option, install
from tests.kit.jobs import WAITING, Namespace, digits
from tests.kit.kubectl import get, kubectl, wait

pytestmark = pytest.mark.alone


def check_labels(namespace: Namespace) -> None:
    """Checks that the label that was chosen, team, is on the Job, its pods and the series of a TrainingJob."""
    labelled = digits("labelled", **WAITING)
    labelled["metadata"]["labels"] = {"team": "vision", "other": "x"}
    namespace.apply(labelled)
    wait("its Job", lambda: namespace.condition("Ready", "labelled").get("reason") == "WaitingForAdmission", seconds=60)
    job = get("job", "labelled", namespace=namespace.name)
    for metadata in (job["metadata"], job["spec"]["template"]["metadata"]):
        assert metadata["labels"]["team"] == "vision"
        assert "other" not in metadata["labels"]
    series = f'epochal_trainingjob_epoch{{label_team="vision",name="labelled",namespace="{namespace.name}"}}'
    wait("its series", lambda: series in operator.metrics(), seconds=30)


def test_a_training_runs_on_through_upgrade_uninstall_and_install(namespace: Namespace) -> None:
    image = image_option()
    namespace.apply(
        digits("running", training__epochs=100_000, training__callbacks=[]), digits("done", training__epochs=1)
    )
    namespace.complete("done")
    namespace.wait_epoch(1, "running")
    pod = namespace.running_pod("running")
    try:
        install("--set", "logLevel=debug", "--set", "workers=2", "--set", "metricLabels={team}")
        deployed = get("deployment", "epochal", namespace=operator.NAMESPACE)
        assert "--log-level=debug" in json.dumps(deployed["spec"]["template"])
        check_labels(namespace)
        namespace.wait_epoch(namespace.status("running")["progress"]["epoch"] + 2, "running")

        helm("uninstall", "epochal", "--wait")
        assert namespace.status("done")["state"] == "Complete"
        assert namespace.running_pod("running") == pod
        shown = namespace.status("running")["progress"]["epoch"]
    finally:
        install(*image)
    namespace.wait_epoch(shown + 1, "running", seconds=60)
    assert namespace.running_pod("running") == pod
    assert namespace.status("running")["attempt"] == 1
    assert namespace.status("done")["state"] == "Complete"
    kubectl("delete", "tj", "running", "--namespace", namespace.name)


def test_a_deleted_namespace_and_a_missing_default_block_no_job_for_good(namespace: Namespace) -> None:
    image = image_option()
    gone = f"{namespace.name}-gone"
    kubectl("create", "namespace", gone)
    try:
        install(*image, "--set", f"watchNamespaces={{{gone},{namespace.name}}}", "--set", "storage.endpoint=")
        kubectl("delete", "namespace", gone)
        operator.kill()
        namespace.apply(digits("waits", training__epochs=1))
        wait("what it waits for", lambda: namespace.condition("Ready", "waits"), seconds=60)
        ready = namespace.condition("Ready", "waits")
        assert (ready["reason"], ready["status"]) == ("NoStorageEndpoint", "False")
        assert "spec.storage.endpoint: must be given" in ready["message"]
        assert namespace.condition("Stalled", "waits")["status"] == "True"
    finally:
        kubectl("delete", "namespace", gone, "--ignore-not-found")
        install(*image)
    namespace.complete("waits")
