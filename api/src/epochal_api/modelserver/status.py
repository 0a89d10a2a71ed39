"""The status of a ModelServer."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from epochal_api.condition import Conditions, Time, Uri
from epochal_api.display import ServerDisplay
from epochal_api.model import StatusModel
from epochal_api.modelserver.config import Runtime
from epochal_api.signature import ModelChoice, Sha256

ServerState = Literal["Waiting", "Starting", "Ready", "Updating", "Degraded", "Stopped", "Failed"]
SERVER_STATES: tuple[ServerState, ...] = get_args(ServerState)
IMAGES_SUITABLE = "ImagesSuitable"
"""Type of the condition that shows whether spec.images suits the model."""
SERVER_CONDITIONS = ("Ready", "Progressing", "Reconciling", "Stalled", IMAGES_SUITABLE)
"""The condition types of Epochal. Other controllers may add their own."""
MAX_TENSORS = 64
"""Maximum number of inputs, and of outputs, in a status."""

_Name = Annotated[str, Field(max_length=253)]


class Tensor(StatusModel):
    """An input or output of a model."""

    name: Annotated[str, Field(max_length=256)]
    """Name of the tensor, for requests."""
    shape: Annotated[list[int], Field(max_length=16)] = []
    """Shape without the batch axis; -1 for an axis of any length."""
    dtype: Annotated[str, Field(max_length=16)]
    """Data type, as named by numpy."""


class ServedModel(StatusModel):
    """The model that the pods serve. It stays the same if the status of its TrainingJob changes later."""

    uri: Uri
    """URI of the model."""
    sha256: Sha256
    """SHA-256 of the file, in hex."""
    runtime: Runtime = "ONNX"
    """Inference runtime: ONNX Runtime, or Keras if the model cannot be converted to ONNX."""
    model: ModelChoice | None = None
    """Which model of the training is served."""
    surpassed: bool | None = None
    """True if `model` is Last, and the training has also stored a model of its best epoch."""
    signature: Uri | None = None
    """URI of the signature, if the training has stored one."""
    signature_sha256: Sha256 | None = None
    """SHA-256 of the signature, in hex; absent if the pods accept any signature."""
    training_job_name: _Name | None = None
    """The TrainingJob that trained the model. It may no longer exist."""
    training_job_uid: Annotated[str, Field(max_length=64)] | None = Field(default=None, alias="trainingJobUID")
    """UID of this TrainingJob."""
    experiment_name: _Name | None = None
    """The Experiment that found the model."""
    inputs: Annotated[list[Tensor], Field(max_length=MAX_TENSORS)] | None = None
    """Inputs of the model, once a pod has loaded it."""
    outputs: Annotated[list[Tensor], Field(max_length=MAX_TENSORS)] | None = None
    """Outputs of the model, once a pod has loaded it."""
    rolled_out_time: Time | None = None
    """When all pods first served the model."""


class PreviousModel(StatusModel):
    """The model that all pods served before the current model, for a rollback."""

    uri: Uri
    """URI of the model, for spec.source.uri."""
    sha256: Sha256
    """SHA-256 of the file, in hex, for spec.source.sha256."""
    signature_sha256: Sha256 | None = None
    """SHA-256 of the model's signature, in hex, for spec.source.signatureSha256; absent if the pods accepted any
    signature."""
    time: Time
    """When the rollout of the next model began."""


class ModelServerStatus(StatusModel):
    """Observed state of a ModelServer."""

    observed_generation: int | None = None
    """Generation of the spec for which the status was computed."""
    state: ServerState | None = None
    """State of the server: Waiting (for its model), Starting, Ready, Updating, Degraded (it serves, but with earlier
    pods or too few pods), Stopped (no replicas) or Failed."""
    url: Annotated[str, Field(max_length=512)] | None = None
    """Address of the server within the cluster."""
    model: ServedModel | None = None
    """The model of the pods."""
    previous: PreviousModel | None = None
    """The model that all pods served before the current model, for a rollback."""
    replicas: int | None = None
    """Number of pods."""
    ready_replicas: int | None = None
    """Number of ready pods."""
    selector: Annotated[str, Field(max_length=512)] | None = None
    """Label selector of the pods, for autoscalers."""
    ready_time: Time | None = None
    """When the server was first ready."""
    conditions: Conditions | None = None
    """Machine-readable state: Ready, whether any pod answers; Progressing, False if a rollout does not continue, with
    the reason from its pods; Reconciling, True until all pods serve the model in the spec; Stalled, True if a user must
    act; ImagesSuitable, False if spec.images does not suit the model."""
    display: ServerDisplay | None = None
    """Values for `kubectl get`."""
