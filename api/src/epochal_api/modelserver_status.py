"""The status of a ModelServer: what a user watches."""

from typing import Annotated, Literal

from pydantic import Field

from epochal_api.condition import Condition, Time
from epochal_api.model import StatusModel
from epochal_api.server_config import Runtime
from epochal_api.signature import Sha256, Which

ServerState = Literal["Waiting", "Starting", "Ready", "Updating", "Degraded", "Stopped", "Failed"]
SERVER_STATES: tuple[ServerState, ...] = (
    "Waiting",
    "Starting",
    "Ready",
    "Updating",
    "Degraded",
    "Stopped",
    "Failed",
)
SERVER_CONDITIONS = ("Ready", "Progressing", "Reconciling", "Stalled")
"""The conditions that are Epochal's; others may add their own."""
MAX_TENSORS = 64
"""Inputs, and outputs, that a status tells of."""

_Uri = Annotated[str, Field(max_length=2048)]
_Name = Annotated[str, Field(max_length=253)]


class Tensor(StatusModel):
    """What a model takes, or gives, by one name."""

    name: Annotated[str, Field(max_length=256)]
    """Its name, for requests."""
    shape: Annotated[list[int], Field(max_length=16)] = []
    """Its shape without the batch; -1 for an axis of any length."""
    dtype: Annotated[str, Field(max_length=16)]
    """Its type, as numpy calls it."""


class ServedModel(StatusModel):
    """The model that the pods are made for. What becomes of the training that made it does not matter to them."""

    uri: _Uri
    """Where it lies."""
    sha256: Sha256
    """SHA-256 of the file, in hex."""
    runtime: Runtime = "ONNX"
    """What computes: ONNX Runtime, or Keras where the model cannot be converted to ONNX."""
    model: Which | None = None
    """Which model of the training it is."""
    surpassed: bool | None = None
    """True of the last model where the training has stored that of its best epoch, too."""
    signature: _Uri | None = None
    """Where its signature lies, if the training has stored one."""
    signature_sha256: Sha256 | None = None
    """SHA-256 of its signature, in hex, if no other may tell of it."""
    training_job_name: _Name | None = None
    """The TrainingJob that made it, which may be gone by now."""
    training_job_uid: Annotated[str, Field(max_length=64)] | None = Field(default=None, alias="trainingJobUID")
    """Uid of that TrainingJob."""
    experiment_name: _Name | None = None
    """The Experiment whose best it is."""
    inputs: Annotated[list[Tensor], Field(max_length=MAX_TENSORS)] | None = None
    """What it takes, once a pod has loaded it."""
    outputs: Annotated[list[Tensor], Field(max_length=MAX_TENSORS)] | None = None
    """What it gives, once a pod has loaded it."""


class ServerDisplay(StatusModel):
    """What `kubectl get` shows, ready to read."""

    model: Annotated[str, Field(max_length=256)] | None = None
    """The model, by the training that made it, or by its file."""
    ready: Annotated[str, Field(max_length=64)] | None = None
    """Pods that are ready, of all that there should be, such as 2/2."""


class ModelServerStatus(StatusModel):
    """How far a ModelServer has come."""

    observed_generation: int | None = None
    """Generation of the spec that the status was computed from."""
    state: ServerState | None = None
    """The whole in one word: Waiting (for its model), Starting, Ready, Updating, Degraded (it serves, but not as it
    should: by pods of before, or by too few), Stopped (no replicas) or Failed."""
    url: Annotated[str, Field(max_length=512)] | None = None
    """Address of the server within the cluster."""
    model: ServedModel | None = None
    """The model that the pods are made for."""
    replicas: int | None = None
    """Pods that there are."""
    ready_replicas: int | None = None
    """Pods that are ready to answer."""
    selector: Annotated[str, Field(max_length=512)] | None = None
    """Label selector of the pods, for whatever scales them."""
    ready_time: Time | None = None
    """When it was first ready."""
    conditions: (
        Annotated[
            list[Condition],
            Field(
                max_length=16,
                json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
            ),
        ]
        | None
    ) = None
    """For machines: Ready, whether any pod answers; Progressing, False once a rollout does not go on, whose reason the
    pods tell; Reconciling, True until all pods serve the model that the spec asks for; Stalled, True where somebody
    must act."""
    display: ServerDisplay | None = None
    """What `kubectl get` shows."""
