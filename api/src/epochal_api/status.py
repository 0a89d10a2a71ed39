"""The status of a TrainingJob: what a user watches.

Numbers that are not whole are strings, as the Kubernetes API conventions ask:
https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
"""

import copy
import functools
import operator
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_core import ErrorDetails

from epochal_api.condition import Condition, Text, Time
from epochal_api.model import StatusModel
from epochal_api.signature import Which
from epochal_api.storage import ExportFormat

State = Literal["Queued", "Starting", "Waiting", "Running", "Storing", "Suspended", "Complete", "Failed"]
Stage = Literal["Loading", "Training", "Storing", "Done"]
STATES: tuple[State, ...] = ("Queued", "Starting", "Waiting", "Running", "Storing", "Suspended", "Complete", "Failed")
Mode = Literal["Min", "Max"]
"""Whether the lowest value of a figure is the best, or the highest."""
MAX_NAMES = 64
"""Names that the figures of a training may have, as many as a report holds."""
MAX_MODELS = 4
"""Models that a status tells of."""
MAX_EXPORTS = 4
"""Other forms of them that a status tells of."""
MAX_EXPORT = 512
"""Characters of what became of the export."""
MAX_WARNINGS = 16
"""Warnings of a training, one of each reason."""
MAX_UNSTARTED = 64
"""Pods that a status tells of that ended without having run a container."""
MAX_WARNING = 512
"""Characters of a warning."""
STORAGE = "StorageAvailable"
"""The condition that says whether the storage is waited for."""
SPEC_APPLIED = "SpecApplied"
"""The condition that says whether the job is trained as its spec is now."""
EXPORTED = "Exported"
"""The condition that says whether the models are there in all forms that spec.results.exports names."""
CONDITIONS = ("Ready", "Stalled", "Suspended", "Complete", "Failed", "Finished", STORAGE, SPEC_APPLIED, EXPORTED)
"""The conditions that are Epochal's; others may add their own."""


class Waiting(StatusModel):
    """What the trainer waits for."""

    reason: Annotated[str, Field(max_length=128)]
    """What it waits for, in one word."""
    message: Annotated[Text, Field(max_length=4096)] = ""
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
    metric_names: Annotated[list[Annotated[str, Field(max_length=128)]], Field(max_length=MAX_NAMES)] | None = None
    """What its figures are called, since it began: names are added, up to 64, and never replaced."""
    waiting: Waiting | None = None
    """What the trainer waits for: a storage that gives no answer, or has no room."""
    finish_after_epoch: int | None = None
    """The epoch that the training ends after, early, since spec.finish asks for it; none where it does not."""
    stopped_after_epoch: int | None = None
    """The epoch that the training has stopped after, with more to come, as spec.training.stopAfterEpoch says."""


class Best(StatusModel):
    """The best epoch so far."""

    epoch: int
    """The epoch, counted from 1."""
    metric: Annotated[str, Field(max_length=128)]
    """What it was best in, as spec.training.monitor says."""
    mode: Mode | None = None
    """Whether the lowest value is the best (Min), or the highest (Max)."""
    value: str
    """The value it reached."""


class Warned(StatusModel):
    """What the trainer warns of: a training that goes on, though it may not do what was meant."""

    reason: Annotated[str, Field(max_length=128)]
    """What is the matter, in one word, such as MissingClasses."""
    message: Annotated[Text, Field(max_length=MAX_WARNING)] = ""
    """What was found and what to do, for people."""


class NetworkSize(StatusModel):
    """How large the network is."""

    parameters: int
    """Weights in all, trainable or not."""
    layers: int
    """Layers, the input not counted."""


Figures = Annotated[dict[str, Annotated[str, Field(max_length=64)]], Field(max_length=128)]


class StoredModel(StatusModel):
    """A model among the results."""

    name: Annotated[str, Field(max_length=63)]
    """Its file: model.keras, which Keras' fit has left, or best.keras, of the best epoch."""
    uri: Annotated[str, Field(max_length=2048)]
    """Where the file lies."""
    epoch: int
    """The epoch whose weights it holds, counted from 1."""
    sha256: Annotated[str, Field(max_length=64)]
    """SHA-256 of the file, in hex."""
    test: Figures | None = None
    """Figures on the test set of a model beside model.keras, whose are status.test."""


class ExportedModel(StatusModel):
    """A model among the results, in a form for programs that have no Keras."""

    name: Annotated[str, Field(max_length=63)]
    """Its file, such as model.onnx."""
    model: Which
    """Which model it is: of the last epoch, or of the best one, where that is another."""
    format: ExportFormat
    """The form."""
    uri: Annotated[str, Field(max_length=2048)]
    """Where the file lies."""
    sha256: Annotated[str, Field(max_length=64)]
    """SHA-256 of the file, in hex."""
    difference: Annotated[str, Field(max_length=64)] | None = None
    """The largest absolute difference of its answers to samples of the data from those of Keras."""


class StoredSignature(StatusModel):
    """What says what the models take and give."""

    uri: Annotated[str, Field(max_length=2048)]
    """Where the file lies."""
    sha256: Annotated[str, Field(max_length=64)]
    """SHA-256 of the file, in hex."""


class Export(StatusModel):
    """What became of the models' other forms, as the condition Exported says it."""

    reason: Annotated[str, Field(max_length=128)]
    """What became of them, in one word: Exported, NotExportable, ExportDiffers or ExportFailed."""
    message: Annotated[Text, Field(max_length=MAX_EXPORT)] = ""
    """What was found, for people."""


class Stored(StatusModel):
    """Where the results lie."""

    uri: Annotated[str, Field(max_length=2048)]
    """Folder of all results."""
    model: Annotated[str, Field(max_length=2048)] | None = None
    """The trained model."""
    log: Annotated[str, Field(max_length=2048)] | None = None
    """The training's log."""
    models: (
        Annotated[
            list[StoredModel],
            Field(
                max_length=MAX_MODELS,
                json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
            ),
        ]
        | None
    ) = None
    """The trained models and the epochs whose weights they hold, once they are stored and were read back."""
    exports: (
        Annotated[
            list[ExportedModel],
            Field(
                max_length=MAX_EXPORTS,
                json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
            ),
        ]
        | None
    ) = None
    """The same models in the forms that spec.results.exports names."""
    signature: StoredSignature | None = None
    """What they take and give: signature.json."""
    export: Export | None = None
    """What became of these forms."""


class Display(StatusModel):
    """What `kubectl get` shows, ready to read."""

    epoch: str | None = None
    """Finished epochs of all, such as 3/10."""
    metric: str | None = None
    """The figure to watch, such as val_loss 0.0436."""
    eta: str | None = None
    """Time until training is expected to end, as of the last report."""


class ReportedStatus(StatusModel):
    """The part of the status that comes from the trainer's reports: it has a field manager of its own."""

    progress: Progress | None = None
    """How far the training has come."""
    metrics: Figures | None = None
    """Figures of the last finished epoch."""
    best: Best | None = None
    """The best epoch so far."""
    test: Figures | None = None
    """Figures of model.keras on the test set."""
    network: NetworkSize | None = None
    """How large the network is."""
    results: Stored | None = None
    """Where the results lie."""
    warnings: Annotated[list[Warned], Field(max_length=MAX_WARNINGS)] | None = None
    """What the trainer warns of, one of each reason. The training goes on, though it may not do what was meant."""
    display: Display | None = None
    """What `kubectl get` shows."""


class ContinuedFrom(StatusModel):
    """What a TrainingJob goes on from that names another one."""

    name: Annotated[str, Field(max_length=253)]
    """The TrainingJob that it names, which may be gone by now."""
    uri: Annotated[str, Field(max_length=2048)]
    """Folder of that one's results."""


class Unstarted(StatusModel):
    """Pods that ended without having run a container."""

    job_uid: Annotated[str, Field(max_length=64)]
    """Uid of the batch/v1 Job whose they were."""
    pods: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=MAX_UNSTARTED)]
    """Their uids."""


class Status(ReportedStatus):
    """How far a TrainingJob has come."""

    observed_generation: int | None = None
    """Generation of the spec that the status was computed from."""
    state: State | None = None
    """The whole in one word: Queued, Starting, Waiting (for its storage), Running, Storing, Suspended, Complete or
    Failed."""
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
    """For machines: Ready, False while something other than time must change; Stalled, Suspended, Complete, Failed;
    Finished, once it is Complete or Failed; StorageAvailable once the storage was waited for; SpecApplied once a change
    of the spec has come too late; Exported once the models' other forms were tried."""
    start_time: Time | None = None
    """When a container of it first ran: from then on its spec stays as it is."""
    completion_time: Time | None = None
    """When it completed or failed."""
    attempt: int | None = None
    """1 + the number of restarts so far."""
    gpus: int | None = None
    """GPUs that the job asks for."""
    job_name: str | None = None
    """The batch/v1 Job that runs it."""
    continued_from: ContinuedFrom | None = None
    """What it goes on from, where spec.training.continueFrom names a TrainingJob: found once, when that had ended."""
    unstarted: Unstarted | None = None
    """Pods that ended without having run a container, until one has: its Job counts them as it does all that failed."""
    warned: Annotated[list[Annotated[str, Field(max_length=128)]], Field(max_length=MAX_WARNINGS)] | None = None
    """Reasons of the warnings that Events have told."""


AnyStatus = TypeVar("AnyStatus", bound=StatusModel)


_INSTEAD: Mapping[Any, str] = {"reason": "Unknown", "lastTransitionTime": "1970-01-01T00:00:00Z"}
"""What a condition may lack: whether it holds is worth more."""
_ROUNDS = 16
"""More than a status is deep: what lacks a part is left out, then what that was a part of."""


def read_status(model: type[AnyStatus], document: Any) -> AnyStatus:
    """Reads a status, whichever version of Epochal wrote it: what this one does not understand is left out.

    Args:
        model: Status, or a part of it.
        document: The status as JSON; None if there is none yet.

    Returns:
        All of it that can be read. What is too long is cut; what lacks a part that it must have is left out, unless
        that is a condition's reason or time.
    """
    left = {} if document is None else document
    for _ in range(_ROUNDS):
        try:
            return model.model_validate(left)
        except ValidationError as error:
            faults = {_place(fault): fault for fault in error.errors(include_url=False)}
            left = copy.deepcopy(left)
            # The last ones first, so that those of a list keep their places meanwhile.
            for loc in sorted(faults, key=lambda loc: [str(part).zfill(9) for part in loc], reverse=True):
                left = _mended(left, loc, faults[loc])
    return model()


def reading(model: type[StatusModel]) -> BeforeValidator:
    """Returns what has the field of a kind's status read as `read_status` does.

    Args:
        model: The status.
    """
    return BeforeValidator(
        lambda value: value if value is None or isinstance(value, model) else read_status(model, value)
    )


def _place(fault: ErrorDetails) -> tuple[int | str, ...]:
    """Returns where to mend a fault: what lacks a part goes as a whole, and so does what has a wrong name."""
    *whole, last = fault["loc"] or ("",)
    lacks = fault["type"] == "missing" and last not in _INSTEAD
    return tuple(whole) if lacks or last == "[key]" else fault["loc"]


def _mended(document: Any, loc: tuple[int | str, ...], fault: ErrorDetails) -> Any:
    """Returns a document without a fault: mended in place, or {} in place of the whole."""
    if not loc:
        return {}
    *path, last = loc
    try:
        parent = functools.reduce(operator.getitem, path, document)
        match fault["type"]:
            case "missing" if last in _INSTEAD:
                parent[last] = _INSTEAD[last]
            case "string_too_long" | "too_long":
                parent[last] = _cut(parent[last], fault["ctx"]["max_length"])
            case _:
                del parent[last]
    except (KeyError, IndexError, TypeError):
        pass  # It is gone with what it was a part of.
    return document


def _cut(value: Any, most: int) -> Any:
    return dict(list(value.items())[:most]) if isinstance(value, dict) else value[:most]
