"""The status of an Experiment: what a user watches. It is bounded, however many trials there are."""

from typing import Annotated, Literal

from pydantic import Field

from epochal_api.condition import Condition, Time
from epochal_api.model import StatusModel

ExperimentState = Literal["Queued", "Running", "Suspended", "Complete", "Failed"]
EXPERIMENT_STATES: tuple[ExperimentState, ...] = ("Queued", "Running", "Suspended", "Complete", "Failed")
EXPERIMENT_CONDITIONS = ("Ready", "Stalled", "Suspended", "Complete", "Failed", "Finished")
"""The conditions that are Epochal's; others may add their own."""
MAX_STATUS_BYTES = 32 * 1024
"""Bytes that the whole status has at most, as JSON; top and importance are cut for it."""
MAX_TOP = 10
"""Trials that status.top lists."""

_Name = Annotated[str, Field(max_length=63)]
_Figure = Annotated[str, Field(max_length=64)]
_Uri = Annotated[str, Field(max_length=2048)]


class TrialCounts(StatusModel):
    """How many trials there are, by what becomes of them."""

    created: int = 0
    """All so far, the template's own too: from the first one on, what is searched cannot change."""
    queued: int = 0
    """Those that wait for a node, a queue or their storage."""
    running: int = 0
    """Those that are trained now."""
    paused: int = 0
    """Those that have ended a rung and are not promoted, or not yet: they take nothing."""
    complete: int = 0
    """Those that will not be trained on: all their epochs are done, or EarlyStopping has ended them."""
    failed: int = 0
    """Those that have failed, which maxFailedTrials bounds."""
    diverged: int = 0
    """Those whose loss was no finite number: the sampler learns from them as from the worst."""


class RankedTrial(StatusModel):
    """A trial and what it has reached."""

    trial: int
    """Which one, counted from 0, the template as it is written."""
    job_name: Annotated[str, Field(max_length=63)]
    """The TrainingJob that reached it."""
    value: _Figure
    """The objective's metric, by objective.strategy."""
    epoch: int | None = None
    """Epochs that it has been trained for."""
    parameters: Annotated[dict[_Name, Annotated[str, Field(max_length=256)]], Field(max_length=32)] = {}
    """What was tried. A parameter that was of no use is left out."""
    uri: _Uri | None = None
    """Folder of its results."""


class EpochCounts(StatusModel):
    """Epochs of all trials together."""

    trained: int = 0
    """Those that were trained and count."""
    saved: int = 0
    """Those that trials which were stopped early would have taken to their end."""
    repeated: int = 0
    """Those that were trained twice, which should be none."""


class ExperimentResults(StatusModel):
    """Where the results lie."""

    uri: _Uri
    """Folder of trials.csv, best.yaml and the pictures. Each trial has its own beside it."""


class ExperimentDisplay(StatusModel):
    """What `kubectl get` shows, ready to read."""

    trials: _Figure | None = None
    """Trials so far of all that there may be, such as 23/60."""
    best: Annotated[str, Field(max_length=256)] | None = None
    """The best value so far, such as val_accuracy 0.9921."""


class ExperimentStatus(StatusModel):
    """How far an Experiment has come."""

    observed_generation: int | None = None
    """Generation of the spec that the status was computed from."""
    state: ExperimentState | None = None
    """The whole in one word: Queued, Running, Suspended, Complete or Failed."""
    trials: TrialCounts | None = None
    """How many trials there are, by what becomes of them."""
    best: RankedTrial | None = None
    """The trial with the best value so far."""
    top: Annotated[list[RankedTrial], Field(max_length=MAX_TOP)] | None = None
    """The best trials, best first."""
    importance: Annotated[dict[_Name, _Figure], Field(max_length=32)] | None = None
    """How much of the differences between trials each parameter explains, of 1 in all."""
    epochs: EpochCounts | None = None
    """Epochs of all trials together."""
    results: ExperimentResults | None = None
    """Where the results lie."""
    start_time: Time | None = None
    """When its first trial was created, or when it was last resumed, or went on after its end; none while it is
    suspended."""
    completion_time: Time | None = None
    """When it completed or failed."""
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
    Finished, once it is Complete or Failed."""
    display: ExperimentDisplay | None = None
    """What `kubectl get` shows."""
