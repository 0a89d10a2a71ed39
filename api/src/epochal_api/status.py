"""The status of a TrainingJob: what a user watches.

Numbers that are not whole are strings, as the Kubernetes API conventions ask:
https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from epochal_api.model import Model

Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
State = Literal["Queued", "Starting", "Running", "Storing", "Suspended", "Complete", "Failed"]
Stage = Literal["Loading", "Training", "Storing", "Done"]
STATES: tuple[State, ...] = ("Queued", "Starting", "Running", "Storing", "Suspended", "Complete", "Failed")
STORAGE = "StorageAvailable"
"""The condition that says whether the storage is waited for."""
CONDITIONS = ("Ready", "Stalled", "Suspended", "Complete", "Failed", STORAGE)
"""The conditions that are Epochal's; others may add their own."""


def _known(state: object) -> object:
    """Returns a state, or None in place of one that only a later version has: it will be derived anew."""
    return state if state in STATES else None


class StatusModel(Model):
    """A part of the status. Fields that another version of Epochal wrote are passed over, not refused."""

    model_config = ConfigDict(extra="ignore")


class Condition(StatusModel):
    """A condition as in every Kubernetes API."""

    type: Annotated[str, Field(max_length=64)]
    """Ready, Stalled, Suspended, Complete, Failed or StorageAvailable."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, Field(max_length=128)]
    """Why, in one word for machines."""
    message: Annotated[str, Field(max_length=32768)] = ""
    """Why, for people."""
    last_transition_time: Time
    """When status last changed."""
    observed_generation: int = 0
    """Generation of the spec that it was computed from."""


class Waiting(StatusModel):
    """What the trainer waits for."""

    reason: Annotated[str, Field(max_length=128)]
    """What it waits for, in one word."""
    message: Annotated[str, Field(max_length=4096)] = ""
    """What it waits for, for people."""
    since: Time
    """When it began to wait."""


class Progress(StatusModel):
    """How far the training has come, from the trainer's last report."""

    attempt: int = 1
    """The attempt that reported."""
    sequence: int = 0
    """Number of the report within its attempt."""
    stage: Stage = "Loading"
    """What the trainer is doing: Loading, Training, Storing or Done."""
    epoch: int = 0
    """Finished epochs."""
    epochs: int = 0
    """Epochs in all."""
    step: int = 0
    """Finished steps of the running epoch."""
    steps_per_epoch: int = 0
    """Steps of an epoch."""
    percent: int = 0
    """Finished part of all steps."""
    seconds_per_epoch: str | None = None
    """Seconds that an epoch takes with its validation, from the last finished one."""
    estimated_completion_time: Time | None = None
    """When training is expected to end."""
    last_report_time: Time | None = None
    """When the last report came."""
    waiting: Waiting | None = None
    """What the trainer waits for: a storage that gives no answer, or has no room."""


class Best(StatusModel):
    """The best epoch so far."""

    epoch: int
    """The epoch, counted from 1."""
    metric: Annotated[str, Field(max_length=128)]
    """What it was best in: val_loss where there is validation, else loss."""
    value: str
    """The value it reached."""


class NetworkSize(StatusModel):
    """How large the network is."""

    parameters: int
    """Weights in all, trainable or not."""
    layers: int
    """Layers, the input not counted."""


class Stored(StatusModel):
    """Where the results lie."""

    uri: Annotated[str, Field(max_length=2048)]
    """Folder of all results."""
    model: Annotated[str, Field(max_length=2048)] | None = None
    """The trained model."""
    log: Annotated[str, Field(max_length=2048)] | None = None
    """The training's log."""


class Display(StatusModel):
    """What `kubectl get` shows, ready to read."""

    epoch: str | None = None
    """Finished epochs of all, such as 3/10."""
    metric: str | None = None
    """The figure to watch, such as val_loss 0.0436."""
    eta: str | None = None
    """Time until training is expected to end, as of the last report."""


Figures = Annotated[dict[str, Annotated[str, Field(max_length=64)]], Field(max_length=128)]


class Reported(StatusModel):
    """The part of the status that comes from the trainer's reports: it has a field manager of its own."""

    progress: Progress | None = None
    """How far the training has come."""
    metrics: Figures | None = None
    """Figures of the last finished epoch."""
    best: Best | None = None
    """The best epoch so far."""
    test: Figures | None = None
    """Figures of the trained network on the test set."""
    network: NetworkSize | None = None
    """How large the network is."""
    results: Stored | None = None
    """Where the results lie."""
    display: Display | None = None
    """What `kubectl get` shows."""


class Status(Reported):
    """How far a TrainingJob has come."""

    observed_generation: int | None = None
    """Generation of the spec that the status was computed from."""
    state: Annotated[State | None, BeforeValidator(_known)] = None
    """The whole in one word: Queued, Starting, Running, Storing, Suspended, Complete or Failed."""
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
    """For machines: Ready, Stalled, Suspended, Complete, Failed; StorageAvailable once the storage was waited for."""
    start_time: Time | None = None
    """When the job first started."""
    completion_time: Time | None = None
    """When it completed or failed."""
    attempt: int | None = None
    """1 + the number of restarts so far."""
    gpus: int | None = None
    """GPUs that the job asks for."""
    job_name: str | None = None
    """The batch/v1 Job that runs it."""
