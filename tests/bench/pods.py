"""Pods that train: ours, and others like them."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.bench.epochs import steady
from tests.kit import buckets
from tests.kit.jobs import WAITING, Namespace
from tests.kit.kubectl import Object, apply, get, kubectl

SECONDS = 900
"""Longest that a pod may take."""


@dataclass(frozen=True)
class Run:
    """Measurements of a pod that trained: seconds of each steady epoch and of the container, and its summary.json."""

    epochs: list[float]
    pod: float
    parameters: int
    summary: Object


def seconds_between(begin: str, end: str) -> float:
    """Returns the seconds between two times in the format of Kubernetes."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def ours(namespace: Namespace, job: Object) -> Run:
    name = job["metadata"]["name"]
    namespace.apply(job)
    status = namespace.complete(name, seconds=SECONDS)
    bucket, _, folder = status["results"]["uri"].removeprefix("s3://").partition("/")
    summary = json.loads(buckets.read(buckets.connect(), bucket, f"{folder.rstrip('/')}/summary.json"))
    return Run(steady(_log(namespace, name)), _pod_seconds(namespace, name), summary["network"]["parameters"], summary)


def raw_job(namespace: Namespace, job: Object) -> Object:
    """Returns a raw Job, still without a name, with the same pod as that of a TrainingJob."""
    name = job["metadata"]["name"]
    scheduling = job["spec"].get("scheduling", {}) | {"queueName": WAITING["scheduling__queueName"]}
    namespace.apply(job | {"spec": job["spec"] | {"scheduling": scheduling}})
    namespace.wait_state("Queued", name=name, seconds=30)
    made = get("job", name, namespace=namespace.name)
    template: Any = made["spec"]["template"]
    template["metadata"] = {"annotations": template["metadata"]["annotations"]}
    kept = ("backoffLimit", "podFailurePolicy", "completions", "parallelism")
    spec = {key: made["spec"][key] for key in kept if key in made["spec"]} | {"template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": ""}, "spec": spec}


def script(namespace: Namespace, job: Object, name: str, code: str, **environment: str) -> str:
    """Runs Python code in the pod of a raw Job, in place of the trainer; returns its log, with times."""
    (container,) = job["spec"]["template"]["spec"]["containers"]
    given = [{"name": key, "value": value} for key, value in environment.items()]
    container = container | {"command": ["python3", "-c", code], "env": [*container["env"], *given]}
    pod = job["spec"]["template"]["spec"] | {"containers": [container]}
    template = job["spec"]["template"] | {"spec": pod}
    apply(
        job | {"metadata": {"name": name}, "spec": job["spec"] | {"template": template}},
        namespace=namespace.name,
    )
    complete = ["--for=condition=Complete", f"job/{name}", "--namespace", namespace.name, f"--timeout={SECONDS}s"]
    kubectl("wait", *complete, timeout=SECONDS + 20)
    return _log(namespace, name)


def plain(namespace: Namespace, job: Object, name: str, code: str, **environment: str) -> Run:
    log = script(namespace, job, name, code, **environment)
    (parameters,) = re.findall(r"Parameters: (\d+)", log)
    return Run(steady(log), _pod_seconds(namespace, name), int(parameters), {})


def _log(namespace: Namespace, name: str) -> str:
    return kubectl("logs", f"job/{name}", "--namespace", namespace.name, "--timestamps")


def _pod_seconds(namespace: Namespace, name: str) -> float:
    (pod,) = namespace.pods(name)
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    return seconds_between(ended["startedAt"], ended["finishedAt"])
