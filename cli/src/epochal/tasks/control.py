"""Sets the fields that suspend, resume or finish a running TrainingJob or Experiment."""

from typing import Any

from epochal.client.cluster import Cluster
from epochal.client.failures import CONFLICT, INVALID, ApiError
from epochal.client.references import Found
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.views.progress import FINISHED, state

_WORDS = {("suspend", True): "suspended", ("suspend", False): "resumed", ("finish", True): "finishes early"}
_ALREADY = {
    ("suspend", True): "is suspended already",
    ("suspend", False): "is not suspended",
    ("finish", True): "finishes early already",
}


def set_field(cluster: Cluster, found: Found, field: str, *, value: bool) -> str:
    """Set `spec.suspend` or `spec.finish` of an object, and return a text about the result, such as "suspended".

    Args:
        cluster: The cluster.
        found: The TrainingJob or Experiment, as it was read before.
        field: Name of the field: suspend or finish.
        value: The new value of the field.

    Raises:
        EpochalError: If the object has ended, or was deleted and created again after it was read.
    """
    if state(found.object) in FINISHED:
        raise EpochalError(
            f"{found} has ended: it is {state(found.object)}.",
            f"`epochal continue {found.name} --epochs +N` trains a TrainingJob further.",
            exit_code=ExitCode.REFUSED,
        )
    spec = found.object.get("spec") or {}
    if bool(spec.get(field)) == value:
        return _ALREADY[field, value]
    _patch(cluster, found, {"spec": {field: value}})
    is_suspended = field == "finish" and spec.get("suspend")
    hint = f", once `epochal resume {found.name}` has resumed it" if is_suspended else ""
    return _WORDS[field, value] + hint


def _patch(cluster: Cluster, found: Found, change: dict[str, Any]) -> None:
    """Patch an object, but only if the object in the cluster still has the same UID.

    If another object has its name now, Kubernetes answers 409 (Conflict), or 422 (Invalid) because a UID cannot change.
    """
    uid, namespace = found.object["metadata"]["uid"], found.object["metadata"].get("namespace")
    try:
        cluster.patch(found.kind, found.name, change, namespace=namespace, uid=uid)
    except ApiError as error:
        may_be_another = error.status in {CONFLICT, INVALID}
        if may_be_another and cluster.get(found.kind, found.name, namespace)["metadata"]["uid"] != uid:
            raise EpochalError(
                f"{found} was deleted and created again after this command had read it. The new one is unchanged.",
                "Repeat the command to change the new one.",
                exit_code=ExitCode.REFUSED,
            ) from error
        raise
