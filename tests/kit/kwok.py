"""Nodes without a machine, by kwok: their pods exist in the API alone, so that there can be thousands.

https://kwok.sigs.k8s.io/docs/user/stages-configuration/
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kit.kubectl import Object, apply, kubectl

PROGRAM = Path(__file__).parents[1] / "cluster"
LABEL = "epochal.dev/tests-node"
SELECTOR = {LABEL: "kwok"}
TAINT = "kwok.x-k8s.io/node"
TOLERATION = {"key": TAINT, "operator": "Exists"}
LEASE_SECONDS = 40
READY_SECONDS = 60
STAGES = """\
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: node-begins}
spec:
  resourceRef: {apiGroup: v1, kind: Node}
  selector:
    matchExpressions:
    - {key: '.status.conditions.[] | select( .type == "Ready" ) | .status', operator: NotIn, values: ["True"]}
  next:
    statusTemplate: |
      {{ $now := Now }}
      conditions:
      {{ range NodeConditions }}
      - lastHeartbeatTime: {{ $now | Quote }}
        lastTransitionTime: {{ $now | Quote }}
        message: {{ .message | Quote }}
        reason: {{ .reason | Quote }}
        status: {{ .status | Quote }}
        type: {{ .type | Quote }}
      {{ end }}
      allocatable: {cpu: 1k, memory: 1Ti, pods: 10k}
      capacity: {cpu: 1k, memory: 1Ti, pods: 10k}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-begins}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    - {key: .metadata.deletionTimestamp, operator: DoesNotExist}
    - {key: .status.phase, operator: In, values: [Pending]}
  next:
    statusTemplate: |
      {{ $now := Now }}
      phase: Running
      startTime: {{ $now | Quote }}
      conditions:
      {{ range $type := list "Initialized" "Ready" "ContainersReady" }}
      - {type: {{ $type }}, status: "True", lastTransitionTime: {{ $now | Quote }}}
      {{ end }}
      containerStatuses:
      {{ range .spec.containers }}
      - image: {{ .image | Quote }}
        name: {{ .name | Quote }}
        ready: true
        restartCount: 0
        state: {running: {startedAt: {{ $now | Quote }}}}
      {{ end }}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-goes}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    - {key: .metadata.deletionTimestamp, operator: Exists}
  next: {delete: true}
"""
"""Nodes are ready and their pods run at once; the test ends the pods."""


def program() -> Path:
    """Returns kwok, which must have been built: `python tests/cluster program kwok`."""
    made = subprocess.run([sys.executable, str(PROGRAM), "program", "kwok"], check=True, text=True, capture_output=True)
    return Path(made.stdout.splitlines()[-1])


@contextmanager
def nodes(count: int) -> Iterator[None]:
    """Runs nodes that take pods which select SELECTOR and tolerate TOLERATION."""
    names = [f"kwok-{number}" for number in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "stages.yaml"
        config.write_text(STAGES)
        command = (
            *(str(program()), f"--kubeconfig={os.environ['KUBECONFIG']}", f"--config={config}"),
            *("--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",),
            *(f"--node-lease-duration-seconds={LEASE_SECONDS}", "--v=WARN"),
        )
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
            try:
                apply(*map(_node, names))
                every = [f"node/{name}" for name in names]
                kubectl("wait", "--for=condition=Ready", *every, f"--timeout={READY_SECONDS}s")
                yield
            finally:
                kubectl("delete", "node", *names, "--ignore-not-found", "--wait=false")
                process.terminate()
                process.wait()


def _node(name: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": {TAINT: "fake"}, "labels": SELECTOR},
        "spec": {"taints": [{"key": TAINT, "value": "fake", "effect": "NoSchedule"}]},
    }
