"""The TrainingJob: what a user writes, and how it is read."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from epochal_api.kind import MAX_SECONDS, InvalidObject, Metadata, Seconds, frozen, named, read
from epochal_api.model import LATER, Model, ObjectName, cel
from epochal_api.network import Network
from epochal_api.scheduling import Resources, Scheduling
from epochal_api.status import Status, reading
from epochal_api.storage import Data, Results, Storage
from epochal_api.training import Training

KIND = "TrainingJob"
PLURAL = "trainingjobs"

MAX_SPEC_BYTES = 128 * 1024
"""The spec travels in an annotation of the pod, and all annotations of an object hold 256 KiB together."""
MAX_SPEC_DEPTH = 100
"""Levels of lists and objects within each other: what reads and writes them recurses."""

MUTABLE = ("finish", "suspend", "active_deadline_seconds", "ttl_seconds_after_finished")
"""Fields of the spec that may change once a container of the job has run."""


class ImagePullSecret(Model):
    """A Secret of the job's namespace with credentials for an image registry."""

    name: ObjectName
    """Name of the Secret."""


class TrainingJobSpec(Model):
    """What to train, on which data, for how long, and with what."""

    framework: Literal["tensorflow"] = "tensorflow"
    """Keras backend to train with. Default: tensorflow."""
    image: Annotated[str, StringConstraints(max_length=512, pattern=r"^[a-zA-Z0-9][-a-zA-Z0-9._:/@]*$")] | None = None
    """Trainer image. Default: the one set when Epochal was installed."""
    storage: Storage
    """The S3 service of both buckets."""
    data: Data
    """The data to train on."""
    network: Network
    """The network to train."""
    training: Training
    """How to train it."""
    resources: Resources = Resources()
    """What the worker takes: CPU, memory, GPUs."""
    scheduling: Scheduling = Scheduling()
    """Where the worker may run."""
    service_account_name: ObjectName = "default"
    """ServiceAccount of the pods. They get no token for the Kubernetes API. Default: default."""
    image_pull_secrets: Annotated[list[ImagePullSecret], Field(max_length=16)] = []
    """Secrets with the credentials to pull the image."""
    suspend: bool = False
    """Whether the job waits: true frees its pods and resources, false starts it (again). Default: false."""
    finish: Annotated[bool, LATER] = False
    """Whether to finish early: true ends the training after the epoch that runs, or the first one if none has been
    finished yet, stores model and results, and completes the job with the reason FinishedEarly. The trainer learns it
    from the answer to its next report. It may be taken back until the trainer has acted on it. A job that waits, for a
    node, a queue or since it is suspended, goes on waiting, and is finished once it runs. On one that has ended it does
    nothing. Default: false."""
    active_deadline_seconds: Seconds | None = None
    """Seconds from start after which the job fails. A suspension starts the count anew. Default: no limit."""
    backoff_limit: Annotated[int, Field(ge=0, le=1000)] = 3
    """Crashes to try again after. Evictions, drains, preemptions do not count; wrong input fails at once. Default:
    3."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=MAX_SECONDS)] | None = None
    """Seconds after the end of its training that it is deleted, its pods too, its results not. Default: never."""
    results: Results
    """Where the model and its history go."""


_STILL = ", ".join(f"spec.{to_camel(name)}" for name in MUTABLE)


def immutable(field: str) -> str:
    """Returns what is said to whoever changes a field of the spec too late.

    Args:
        field: Its name, as on the wire.
    """
    return (
        f"spec.{field} cannot change once a container of the job has run, or it has ended. What still can: {_STILL}. "
        "To train otherwise, delete it, whose results stay, and apply it again; or create one of another name, which "
        "goes on from this one with spec.training.continueFrom"
    )


_NOT_STARTED = "!has(oldSelf.status) || !has(oldSelf.status.startTime)"


class TrainingJob(Model):
    """Trains a Keras network on data in a bucket and puts the model into another."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra=cel(
            [
                named(63, "pods are named after it"),
                *(
                    frozen(TrainingJobSpec, name, _NOT_STARTED, immutable(to_camel(name)))
                    for name in TrainingJobSpec.model_fields
                    if name not in MUTABLE
                ),
            ]
        ),
    )

    api_version: Literal["epochal.dev/v1alpha1"] = Field(default="epochal.dev/v1alpha1", alias="apiVersion")
    """Version of this schema."""
    kind: Literal["TrainingJob"] = "TrainingJob"
    """Kind of the object."""
    metadata: Metadata
    """Name, namespace and identity."""
    spec: TrainingJobSpec
    """What to train, on which data, for how long, and with what."""
    status: Annotated[Status | None, reading(Status)] = None
    """How far it has come, as Epochal saw it last."""


class InvalidTrainingJob(InvalidObject):
    """A TrainingJob that breaks the API's rules; the message has a line per field, and can be shown as it is."""


def parse(document: Any, *, begun: bool = False) -> TrainingJob:
    """Reads a TrainingJob.

    Args:
        document: The object as plain JSON or YAML values.
        begun: Whether it may have begun, so that rules that came later are none for it, as when its status.startTime
            tells so.

    Returns:
        The TrainingJob with all defaults filled in.

    Raises:
        InvalidTrainingJob: If it breaks a rule; the message names each field, what was found and what must hold.
    """
    return read(TrainingJob, document, InvalidTrainingJob, begun=begun or _has_begun(document))


def _has_begun(document: Any) -> bool:
    status = document.get("status") if isinstance(document, dict) else None
    return isinstance(status, dict) and bool(status.get("startTime"))
