"""The chart's life with a job running: upgrade, uninstall, install again. The training never notices."""

import json
import subprocess
from pathlib import Path

from tests.kit import operator
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import get, kubectl, wait

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "epochal"


def helm(*arguments: str) -> str:
    command = ["helm", "--namespace", operator.NAMESPACE, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=180).stdout


def install(*arguments: str) -> None:
    values = ["--values", str(ROOT / "tests" / "cluster" / "values.yaml")]
    helm("upgrade", "--install", "epochal", str(CHART), "--wait", *values, *arguments)


def test_a_training_goes_on_through_upgrade_uninstall_and_install(namespace: Namespace) -> None:
    before = helm("get", "values", "epochal", "--output", "json")
    namespace.apply(
        digits("running", training__epochs=100_000, training__callbacks=[]), digits("done", training__epochs=1)
    )
    namespace.complete("done")
    namespace.wait_epoch(1, "running")
    pod = namespace.running_pod("running")

    install("--set", "logLevel=debug", "--set", "workers=2")
    deployed = get("deployment", "epochal", namespace=operator.NAMESPACE)
    assert "--log-level=debug" in json.dumps(deployed["spec"]["template"])
    namespace.wait_epoch(namespace.status("running")["progress"]["epoch"] + 2, "running")

    helm("uninstall", "epochal", "--wait")
    assert namespace.status("done")["state"] == "Complete"
    assert namespace.running_pod("running") == pod
    shown = namespace.status("running")["progress"]["epoch"]

    install("--set-json", f"podAnnotations={json.dumps(json.loads(before).get('podAnnotations', {}))}")
    namespace.wait_epoch(shown + 1, "running", seconds=60)
    assert namespace.running_pod("running") == pod
    assert namespace.status("running")["attempt"] == 1
    assert namespace.status("done")["state"] == "Complete"
    kubectl("delete", "tj", "running", "--namespace", namespace.name)


def test_a_tenant_that_is_gone_and_a_default_that_is_missing_hold_up_nobody_for_good(namespace: Namespace) -> None:
    before = json.loads(helm("get", "values", "epochal", "--output", "json")).get("podAnnotations", {})
    as_before = "--set-json", f"podAnnotations={json.dumps(before)}"
    gone = f"{namespace.name}-gone"
    kubectl("create", "namespace", gone)
    try:
        install(*as_before, "--set", f"watchNamespaces={{{gone},{namespace.name}}}", "--set", "storage.endpoint=")
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
        install(*as_before)
    namespace.complete("waits")


def test_users_of_a_namespace_may_use_training_jobs(namespace: Namespace) -> None:
    binding = ["create", "rolebinding", "anna", "--clusterrole=edit", "--user=anna", "--namespace", namespace.name]
    kubectl(*binding)
    may = ["auth", "can-i", "--as=anna", "--namespace", namespace.name]
    assert kubectl(*may, "create", "trainingjobs.epochal.dev").strip() == "yes"
    assert kubectl(*may, "get", "trainingjobs.epochal.dev").strip() == "yes"
