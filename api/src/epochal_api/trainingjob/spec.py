"""The TrainingJob: its model, and how it is parsed."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from epochal_api.kind import (
    MAX_SECONDS,
    InvalidObject,
    KubernetesObject,
    Seconds,
    dns_label_rule,
    immutability_rules,
    parse_object,
)
from epochal_api.model import UNSTORED_DEFAULT, Model, ObjectName, cel, exactly_one, is_one_set
from epochal_api.read_status import status_validator
from epochal_api.scheduling import Resources, Scheduling
from epochal_api.storage import Data, Results, SecretRef, Storage
from epochal_api.trainingjob.network import Network
from epochal_api.trainingjob.network_source import NetworkCode, SavedModel
from epochal_api.trainingjob.status import Status
from epochal_api.trainingjob.training import LOSS_OF_EACH_OUTPUT, Training

KIND = "TrainingJob"
PLURAL = "trainingjobs"

MAX_SPEC_BYTES = 128 * 1024
"""Limit of the spec: it is stored in an annotation of the pod, and all annotations of an object hold 256 KiB
together."""
MAX_SPEC_DEPTH = 100
"""Maximum nesting of lists and objects, because parsers and writers recurse."""

MUTABLE = ("finish", "suspend", "active_deadline_seconds", "ttl_seconds_after_finished")
"""Fields of the spec that may change once a container of the job has run."""


_ONE_NETWORK = exactly_one("network", "model", "code")


class TrainingJobSpec(Model):
    """The network, the data and the training of a job, with its resources."""

    model_config = ConfigDict(json_schema_extra=cel(_ONE_NETWORK, LOSS_OF_EACH_OUTPUT))

    framework: Literal["tensorflow"] = "tensorflow"
    """Keras backend to train with. Default: tensorflow."""
    image: Annotated[str, StringConstraints(max_length=512, pattern=r"^[a-zA-Z0-9][-a-zA-Z0-9._:/@]*$")] | None = None
    """Trainer image. Default: the image of Epochal's installation."""
    storage: Storage
    """The S3 service of both buckets."""
    data: Data
    """The data to train on."""
    network: Network | None = None
    """The network to train, as layers of Keras."""
    model: SavedModel | None = None
    """A saved model of Keras to train further, in place of network."""
    code: NetworkCode | None = None
    """A file of Python code that builds the network to train, in place of network."""
    training: Training
    """How to train the network."""
    resources: Resources = Resources()
    """Resources of the worker: CPU, memory, GPUs."""
    scheduling: Scheduling = Scheduling()
    """Where the worker may run."""
    service_account_name: ObjectName = "default"
    """ServiceAccount of the pods. They get no token for the Kubernetes API. Default: default."""
    image_pull_secrets: Annotated[list[SecretRef], Field(max_length=16)] = []
    """Secrets with the credentials to pull the image."""
    suspend: bool = False
    """Whether the job is suspended: true frees its pods and resources, false (re)starts it. A job that is created
    suspended has no batch/v1 Job until it is resumed. Default: false."""
    finish: Annotated[bool, UNSTORED_DEFAULT] = False
    """Whether to finish early: true ends the training after the running epoch, or after the first one if none is
    finished yet, stores model and results, and completes the job with the reason FinishedEarly. The trainer receives
    the request with the response to its next report. The request may be reverted until the trainer has acted on it. A
    job that waits for a node or a queue, or is suspended, continues to wait, and finishes once it runs. The field has
    no effect on a job that has ended. Default: false."""
    active_deadline_seconds: Seconds | None = None
    """Seconds from the start after which the job fails. A suspension restarts the count. Default: no limit."""
    backoff_limit: Annotated[int, Field(ge=0, le=1000)] = 3
    """Crashes after which the job is retried. Evictions, drains and preemptions do not count; invalid input fails at
    once. Default: 3."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=MAX_SECONDS)] | None = None
    """Seconds after the end of the training until the job is deleted with its pods. Its results stay. Default:
    never."""
    results: Results
    """Location of the model and its history."""

    @model_validator(mode="after")
    def _check_outputs(self) -> Self:
        _ONE_NETWORK.require(holds=is_one_set(self.network, self.model, self.code))
        if self.network is not None:
            self.training.check_outputs(self.network.output_names)
        return self


_MUTABLE = ", ".join(f"spec.{to_camel(name)}" for name in MUTABLE)
_NOT_STARTED = "!has(oldSelf.status) || !has(oldSelf.status.startTime)"


def immutable(field: str) -> str:
    """Return the message for a change of an immutable field of the spec, by its name in JSON."""
    return (
        f"spec.{field} cannot change once a container of the job has run, or it has ended. Mutable fields: {_MUTABLE}. "
        "To train with another spec, delete the TrainingJob (its results stay) and apply it again, or create one with "
        "another name that continues from this one with spec.training.continueFrom"
    )


class TrainingJob(KubernetesObject):
    """Trains a Keras network on data in a bucket and stores the model in another bucket."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            dns_label_rule(63, "pods"),
            *immutability_rules(TrainingJobSpec, MUTABLE, not_started=_NOT_STARTED, message=immutable),
        )
    )

    kind: Literal["TrainingJob"] = "TrainingJob"
    spec: TrainingJobSpec
    """The network, the data and the training of the job, with its resources."""
    status: Annotated[Status | None, status_validator(Status)] = None
    """Status of the job, as last observed by Epochal."""


class InvalidTrainingJob(InvalidObject):
    """A TrainingJob that violates the API's rules. The message has one line per field, without control characters."""


def parse(document: Any) -> TrainingJob:
    """Return a TrainingJob from plain JSON or YAML values, or raise InvalidTrainingJob, as `kind.parse_object` does."""
    return parse_object(TrainingJob, document, InvalidTrainingJob)
