"""An operator as a process beside the cluster, in place of the installed one, which a test may kill."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from prometheus_client.parser import text_string_to_metric_families as parse

from tests.kit import operator
from tests.kit.kubectl import Object, Refused, apply, get, kubectl, wait

SERVICE = "epochal"
ADDRESS = "10.77.0.1"
PORTS = {"metrics": 8080, "progress": 8443}
"""As in the cluster: a trainer reports to the Service at the port that its operator listens to."""
START_SECONDS = 30
STOP_SECONDS = 30


def token(account: str = "epochal", namespace: str = operator.NAMESPACE) -> str:
    """Returns a token of a ServiceAccount, by default of the operator's own."""
    return kubectl("create", "token", account, "--namespace", namespace, "--duration=1h").strip()


@contextmanager
def installed_away() -> Iterator[None]:
    """Scales the installed operator to 0 for a while; its Service leads to the process that listens at PORTS."""
    replicas = get("deployment", "epochal", namespace=operator.NAMESPACE)["spec"]["replicas"]
    try:
        operator.scale(0)
        apply(_endpoints(), namespace=operator.NAMESPACE)
        yield
    finally:
        kubectl("delete", "endpointslice", "epochal-process", "--namespace", operator.NAMESPACE, "--ignore-not-found")
        operator.scale(replicas)


@contextmanager
def installed_kept_out(*namespaces: str) -> Iterator[None]:
    """Denies the installed operator all writes in some namespaces; elsewhere it works on."""
    name = f"keep-out-of-{namespaces[0]}"
    account = f"system:serviceaccount:{operator.NAMESPACE}:epochal"
    where = [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": list(namespaces)}]
    every = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}
    about = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    policy = about | {
        "kind": "ValidatingAdmissionPolicy",
        "spec": {
            "matchConstraints": {"resourceRules": [every]},
            "validations": [{"expression": f"request.userInfo.username != '{account}'"}],
        },
    }
    binding = about | {
        "kind": "ValidatingAdmissionPolicyBinding",
        "spec": {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchExpressions": where}},
        },
    }

    def holds() -> bool:
        event = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": "tried"},
            "eventTime": "2026-01-01T00:00:00.000000Z",
            "type": "Normal",
            "reason": "Tried",
            "action": "Try",
            "regarding": {"kind": "Namespace", "name": namespaces[0], "namespace": namespaces[0]},
            "reportingController": "tests",
            "reportingInstance": "tests",
        }
        command = ("create", f"--as={account}", "--dry-run=server", "--namespace", namespaces[0], "--filename=-")
        try:
            kubectl(*command, stdin=json.dumps(event))
        except Refused as refused:
            return name in str(refused)
        return False

    try:
        apply(policy, binding)
        wait("the installed operator to be kept out", holds, seconds=30)
        yield
    finally:
        for manifest in (binding, policy):
            kubectl("delete", str(manifest["kind"]), name, "--ignore-not-found")


def _endpoints() -> Object:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "epochal-process", "labels": {"kubernetes.io/service-name": SERVICE}},
        "addressType": "IPv4",
        "ports": [{"name": name, "port": port} for name, port in PORTS.items()],
        "endpoints": [{"addresses": [ADDRESS], "conditions": {"ready": True}}],
    }


class Process:
    """An operator's process, which runs while it is entered.

    Args:
        kubeconfig: Where the API server is, and whom the operator is for it.
        log: File for what it logs.
        name: Its own name.
        ports: Its ports, by their names in the Service.
        namespaces: Namespaces that it serves; none stands for all.
        home: Its own namespace, where its Secret and its Lease are.
        release: What these are named after.

    Attributes:
        identity: Holder of the lease while it leads. Unlike the name of a pod, it contains an underscore, because
            another operator takes over soon from a pod that does not exist.
        more: Further arguments, from its next start on.
    """

    def __init__(
        self,
        kubeconfig: Path,
        log: Path,
        *,
        name: str = "process",
        ports: dict[str, int] = PORTS,
        namespaces: tuple[str, ...] = (),
        home: str = operator.NAMESPACE,
        release: str = "epochal",
    ) -> None:
        self.name = name
        self.identity = f"process_{name}"
        self._log = log
        self._ports = ports
        self.more: tuple[str, ...] = ()
        self._environment = {"KUBECONFIG": str(kubeconfig), "POD_NAME": self.identity, "POD_NAMESPACE": home}
        self._arguments = [
            "--trainer-image=localhost/epochal-trainer:dev",
            "--server-image=localhost/epochal-server:dev",
            "--storage-endpoint=http://minio.minio.svc:9000",
            f"--namespaces={','.join(namespaces)}",
            f"--tls-secret={release}-tls",
            f"--lease={release}",
            f"--http-port={ports['metrics']}",
            f"--progress-port={ports['progress']}",
        ]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.signal(signal.SIGCONT)
        self.stop()

    def start(self) -> None:
        """Starts the process; its log is appended."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "epochal_operator", *self._arguments, *self.more],
                env=os.environ | self._environment,
                stderr=log,
                stdout=log,
            )

    def stop(self) -> int:
        """Ends it as the kubelet does (SIGTERM) and returns its exit status."""
        self.signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """Ends it as a crash does (SIGKILL)."""
        self._process.kill()
        self._process.wait()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    @property
    def pid(self) -> int:
        return self._process.pid

    def ended(self) -> bool:
        """Returns whether the process has exited by itself."""
        return self._process.poll() is not None

    def metric(self, name: str) -> float | None:
        """Returns the value of a series without labels, or None if the process does not answer."""
        try:
            lines = self._metrics().splitlines()
        except OSError:
            return None
        found = (line.split() for line in lines if line.startswith(f"{name} "))
        return next((float(value) for _, value in found), None)

    def training_jobs(self, namespace: str) -> set[str]:
        """Returns the names of the TrainingJobs in a namespace that have a series."""
        samples = (sample for family in parse(self._metrics()) for sample in family.samples)
        infos = (sample.labels for sample in samples if sample.name == "epochal_trainingjob_info")
        return {labels["name"] for labels in infos if labels["namespace"] == namespace}

    def leads(self) -> bool:
        """Returns whether the metric epochal_leader is 1."""
        return self.metric("epochal_leader") == 1

    def wait_leads(self, seconds: float = START_SECONDS) -> None:
        try:
            wait(f"{self.name} to lead", self.leads, seconds=seconds, every=0.1)
        except TimeoutError as error:
            last = "\n".join(self._log.read_text(encoding="utf-8").splitlines()[-20:])
            raise TimeoutError(f"{error}; it logged last:\n{last}") from None

    def records(self) -> list[dict[str, Any]]:
        """Returns the JSON lines of the log."""
        return [json.loads(line) for line in self._lines() if line.startswith("{")]

    def exceptions(self) -> list[str]:
        """Returns the log lines with a traceback, and the lines that are not JSON: none is allowed."""
        traced = [f"{record['message']}\n{record['exception']}" for record in self.records() if "exception" in record]
        return traced + [line for line in self._lines() if not line.startswith("{")]

    def _metrics(self) -> str:
        url = f"http://127.0.0.1:{self._ports['metrics']}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            text: str = answer.read().decode()
        return text

    def _lines(self) -> list[str]:
        return self._log.read_text().splitlines()
