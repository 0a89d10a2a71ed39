"""Objects of Epochal as the API server has them, for commands."""

from typing import Any

from tests.unit.cli.api_server import ClusterInMemory

Object = dict[str, Any]


def put_job(cluster: ClusterInMemory, name: str, *, namespace: str = "vision", **status: Any) -> Object:
    """Create a TrainingJob with a status, and return it."""
    training = {"epochs": 10, "batchSize": 32, "optimizer": {"name": "Adam"}, "loss": "SparseCategoricalCrossentropy"}
    spec = {"suspend": False, "training": training, "network": {"layers": []}}
    return put(cluster, "trainingjobs", name, spec, namespace=namespace, **status)


def put(
    cluster: ClusterInMemory, resource: str, name: str, spec: Object, *, namespace: str = "vision", **status: Any
) -> Object:
    """Create an object with a status, and return it."""
    cluster.call(cluster.objects.create, resource, namespace, {"metadata": {"name": name}, "spec": spec})
    if status:
        set_status(cluster, resource, name, namespace=namespace, **status)
    return cluster.call(cluster.objects.get, resource, namespace, name)


def set_status(cluster: ClusterInMemory, resource: str, name: str, *, namespace: str = "vision", **status: Any) -> None:
    """Change fields of a status."""
    cluster.call(cluster.objects.patch, resource, namespace, name, {"status": status}, subresource="status")


def running(epoch: int, **metrics: str) -> Object:
    """Return the status of a running TrainingJob."""
    return {
        "state": "Running",
        "progress": {"epoch": epoch, "epochs": 10, "percent": epoch * 10},
        "metrics": metrics,
        "display": {"epoch": f"{epoch}/10", "metric": "val_loss 0.5", "eta": "2m"},
        "best": {"epoch": 1, "metric": "val_loss", "mode": "Min", "value": "0.5"},
    }


def ready(reason: str, message: str = "", *, status: str = "False", time: str = "2026-11-29T23:00:00Z") -> list[Object]:
    """Return the conditions of an object."""
    return [{"type": "Ready", "status": status, "reason": reason, "message": message, "lastTransitionTime": time}]
