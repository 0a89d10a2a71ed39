"""Pods that a test starts itself, as anybody may who may create pods in a namespace."""

from collections.abc import Sequence
from typing import Any

from tests.kit.kubectl import Object, apply, get, kubectl
from tests.kit.operator import NAMESPACE

OPTION = "--trainer-image="


def images() -> dict[str, str]:
    """Returns the installed images of the operator, of Studio and of the trainers."""
    deployment = get("deployment", "epochal", namespace=NAMESPACE)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    (trainer,) = (option.removeprefix(OPTION) for option in container["args"] if option.startswith(OPTION))
    (studio,) = get("deployment", "epochal-studio", namespace=NAMESPACE)["spec"]["template"]["spec"]["containers"]
    return {"operator": container["image"], "studio": studio["image"], "trainer": trainer}


def restricted(name: str, image: str, command: Sequence[str], **metadata: Any) -> Object:
    """Returns a pod with the security context of a trainer's pod, which runs a command once."""
    container = {
        "name": name,
        "image": image,
        "command": list(command),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, **metadata},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
        },
    }


def run_to_end(pod: Object, namespace: str) -> str:
    """Runs a pod in a namespace until it has succeeded, and returns its log."""
    name = pod["metadata"]["name"]
    apply(pod, namespace=namespace)
    succeeded = "--for=jsonpath={.status.phase}=Succeeded"
    kubectl("wait", succeeded, f"pod/{name}", "--namespace", namespace, "--timeout=90s")
    return kubectl("logs", name, "--namespace", namespace)
