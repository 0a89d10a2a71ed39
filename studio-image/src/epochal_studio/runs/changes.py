"""Changes of runs: suspend, resume, finish, delete, clone, deploy. None overwrites the change of another user."""

from typing import Any

from epochal.client.cluster import Cluster
from epochal.client.failures import CONFLICT, ApiError
from epochal.client.kinds import EXPERIMENTS, MODEL_SERVERS, TRAINING_JOBS, Kind, checked_name
from epochal.client.references import Found
from epochal.errors import EpochalError
from epochal.serving.manifest import image_shape, model_server
from epochal.views.progress import FINISHED, state
from epochal_api.modelserver.config import ImageMode

from epochal_studio.problems import Refusal, refuse
from epochal_studio.runs.document import clone, plain
from epochal_studio.runs.values import mapping, readable, text
from epochal_studio.wire.common import Problem, RunKey, RunKind
from epochal_studio.wire.runs import Action, ActionRequest, DeployRequest

_FIELDS: dict[Action, tuple[str, bool]] = {
    "suspend": ("suspend", True),
    "resume": ("suspend", False),
    "finish": ("finish", True),
}
_MNIST = (28, 28, 1)
"""Input shape of MNIST's networks. Only for this shape, a ModelServer converts photographs of digits (`Digit`), because
data sets with smaller digits crop them in another way."""
_TRIES = 4
"""Maximum attempts of a change. The operator may write the status of the same object at the same time."""


def steer(cluster: Cluster, kind: Kind, key: RunKey, request: ActionRequest) -> dict[str, Any]:
    """Suspend, resume or finish a TrainingJob or Experiment, and return the stored object.

    It sets spec.suspend or spec.finish.

    Raises:
        Refusal: 409 Conflict, with the stored object, if another user has changed the spec since the page read it, or
            has replaced the run by another of the same name; 409 Ended, if the run has ended; 422, for a ModelServer.
    """
    if kind not in {TRAINING_JOBS, EXPERIMENTS}:
        message = f"a {key.kind} does not support {request.action}: expected a TrainingJob or an Experiment"
        raise refuse(422, "Invalid", message)
    field, value = _FIELDS[request.action]
    for _ in range(_TRIES):
        found = cluster.get(kind, key.name, key.namespace)
        _require_uid(found, request)
        if bool(mapping(found.get("spec")).get(field)) == value:  # made already, such as by an earlier try
            return found
        _require_seen(found, request)
        now = state(readable(found).document())
        if now in FINISHED:
            raise refuse(
                409, "Ended", f"{key.kind} {key.name} has ended: its state is {now}.", "Clone it to train again."
            )
        try:
            return cluster.patch(
                kind,
                key.name,
                {"spec": {field: value}},
                namespace=key.namespace,
                resource_version=text(found["metadata"]["resourceVersion"]),
            )
        except ApiError as error:
            if error.status != CONFLICT:
                raise
    raise conflict(cluster.get(kind, key.name, key.namespace))


def delete(cluster: Cluster, kind: Kind, key: RunKey, uid: str) -> None:
    """Delete a run with the given UID. A newer object with the same name is not deleted.

    Raises:
        Refusal: 409 Conflict, with the stored object, if the object of this name has another UID.
    """
    try:
        cluster.delete(kind, key.name, namespace=key.namespace, uid=uid)
    except ApiError as error:
        if error.status != CONFLICT:
            raise
        raise conflict(cluster.get(kind, key.name, key.namespace)) from None


def create_clone(cluster: Cluster, kind: Kind, key: RunKey, name: str, *, suspend: bool) -> RunKey:
    """Create an object of the same kind with the spec of a run, and return the new object's key.

    Args:
        cluster: The client of the cluster with the user's token.
        kind: Kind of the run.
        key: Key of the run to copy.
        name: Name of the new object.
        suspend: Whether the new object starts suspended. A ModelServer ignores it.

    Raises:
        Refusal: 409, if an object with the new name exists.
    """
    found = cluster.get(kind, key.name, key.namespace)
    document = clone(found, name, suspend=suspend)
    return _create(cluster, kind, key.kind, document, key.namespace)


def deploy(cluster: Cluster, kind: Kind, key: RunKey, request: DeployRequest) -> RunKey:
    """Create a ModelServer for the model of a TrainingJob or Experiment, and return the ModelServer's key.

    Raises:
        Refusal: 409, if a ModelServer with this name exists; 422, if the run has no model to serve.
    """
    if kind not in {TRAINING_JOBS, EXPERIMENTS}:
        raise refuse(422, "Invalid", f"a {key.kind} has no model of its own: expected a TrainingJob or an Experiment")
    found = cluster.get(kind, key.name, key.namespace)
    try:
        images = request.images or _image_mode(kind, found)
        served = model_server(Found(kind, key.name, found), request.name, images=images, replicas=None)
    except EpochalError as error:
        raise refuse(422, "Invalid", error.message, "Choose another name.") from None
    return _create(cluster, MODEL_SERVERS, "ModelServer", served.document, key.namespace)


def _image_mode(kind: Kind, found: dict[str, Any]) -> ImageMode | None:
    """Return Digit if the network's input has the shape of MNIST's images; else None, so `model_server` chooses."""
    spec = mapping(found.get("spec"))
    job = mapping(mapping(spec.get("template")).get("spec")) if kind == EXPERIMENTS else spec
    return "Digit" if image_shape(job) == _MNIST else None


def _create(cluster: Cluster, kind: Kind, kind_name: RunKind, document: dict[str, Any], namespace: str) -> RunKey:
    key = RunKey(kind=kind_name, namespace=namespace, name=checked_name(kind_name, document["metadata"]["name"]))
    try:
        cluster.create(kind, document)
    except ApiError as error:
        if error.status != CONFLICT:
            raise
        raise name_conflict(key) from None
    return key


def name_conflict(key: RunKey) -> Refusal:
    """Return the error 409 NameConflict: the object cannot be created, because its name is in use."""
    return refuse(
        409,
        "NameConflict",
        f"There is a {key.kind} {key.name} in the namespace {key.namespace} already.",
        "Choose another name. Studio does not change the existing object.",
    )


def _require_uid(found: dict[str, Any], request: ActionRequest) -> None:
    """Raise the Refusal Conflict if the stored object has another UID than the object that the user's page shows."""
    if request.uid is not None and mapping(found.get("metadata")).get("uid") != request.uid:
        raise conflict(found)


def _require_seen(found: dict[str, Any], request: ActionRequest) -> None:
    """Raise the Refusal Conflict if the spec has changed since the user's page read the object.

    An equal resourceVersion or generation means that the spec is the same. The status of a running training changes
    every few seconds, and with it the resourceVersion, but not the generation.
    """
    metadata = mapping(found.get("metadata"))
    is_seen = metadata.get("resourceVersion") == request.resource_version
    if not is_seen and (request.generation is None or metadata.get("generation") != request.generation):
        raise conflict(found)


def conflict(current: dict[str, Any]) -> Refusal:
    """Return the error 409 Conflict with the stored object, which differs from the version that the page shows."""
    problem = Problem(
        reason="Conflict",
        message="Another user has changed this object since your page read it. Your change was not made.",
        remedy="Compare both versions, then repeat your change.",
        current=plain(current),
    )
    return Refusal(CONFLICT, problem)
