"""The status of an Experiment. Its size is bounded for any number of trials."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from epochal_api.condition import Conditions, NumberText, Time, Uri
from epochal_api.display import ExperimentDisplay
from epochal_api.model import StatusModel

ExperimentState = Literal["Queued", "Running", "Suspended", "Complete", "Failed"]
EXPERIMENT_STATES: tuple[ExperimentState, ...] = get_args(ExperimentState)
EXPERIMENT_CONDITIONS = ("Ready", "Stalled", "Suspended", "Complete", "Failed", "Finished")
"""The condition types of Epochal. Other controllers may add their own."""
MAX_STATUS_BYTES = 32 * 1024
"""Maximum bytes of the whole status as JSON; top and importance are cut to fit."""
MAX_TOP = 10
"""Maximum number of trials in status.top."""

_Name = Annotated[str, Field(max_length=63)]


class TrialCounts(StatusModel):
    """Number of trials by state."""

    created: int = 0
    """All trials so far, including the template's own. From the first one on, the search space is immutable."""
    queued: int = 0
    """Trials that wait for a node, a queue or their storage."""
    running: int = 0
    """Trials that are being trained."""
    paused: int = 0
    """Trials that have ended a rung and are not (yet) promoted: they use no resources."""
    complete: int = 0
    """Trials that will not continue: all their epochs are finished, or EarlyStopping has ended them."""
    failed: int = 0
    """Failed trials, which maxFailedTrials limits."""
    diverged: int = 0
    """Trials with a loss that was not finite: the sampler treats them as the worst."""


class RankedTrial(StatusModel):
    """A trial and its result."""

    trial: int
    """Number of the trial, counted from 0, which is the template without changes."""
    job_name: Annotated[str, Field(max_length=63)]
    """The TrainingJob with this result."""
    value: NumberText
    """Value of the objective's metric, by objective.strategy."""
    epoch: int | None = None
    """The epoch with this value, as status.best.epoch of the TrainingJob. Omitted for trials of earlier versions of
    Epochal."""
    parameters: Annotated[dict[_Name, Annotated[str, Field(max_length=256)]], Field(max_length=32)] = {}
    """Parameters of the trial. Parameters without an effect are omitted."""
    uri: Uri | None = None
    """Folder of the trial's results."""


class EpochCounts(StatusModel):
    """Epochs of all trials together."""

    trained: int = 0
    """Trained epochs, without repeated ones."""
    saved: int = 0
    """Epochs that were not trained because trials were stopped early."""
    repeated: int = 0
    """Epochs that were trained twice, which should be none."""


class ExperimentResults(StatusModel):
    """Location of the results."""

    uri: Uri
    """Folder of trials.csv, best.yaml and the plots. The folders of the trials are next to it."""


class ExperimentStatus(StatusModel):
    """Observed state of an Experiment."""

    observed_generation: int | None = None
    """Generation of the spec for which the status was computed."""
    state: ExperimentState | None = None
    """State of the Experiment: Queued, Running, Suspended, Complete or Failed."""
    trials: TrialCounts | None = None
    """Number of trials by state."""
    best: RankedTrial | None = None
    """The trial with the best value so far."""
    top: Annotated[list[RankedTrial], Field(max_length=MAX_TOP)] | None = None
    """The best trials, best first."""
    importance: Annotated[dict[_Name, NumberText], Field(max_length=32)] | None = None
    """Share of the differences between trials that each parameter explains, with a sum of 1."""
    epochs: EpochCounts | None = None
    """Epochs of all trials together."""
    results: ExperimentResults | None = None
    """Location of the results."""
    start_time: Time | None = None
    """When the first trial was created, or when the search was last resumed or continued after its end; none while it
    is suspended."""
    completion_time: Time | None = None
    """When the Experiment completed or failed."""
    conditions: Conditions | None = None
    """Machine-readable state: Ready, False while a user or the cluster must change something; Stalled, Suspended,
    Complete, Failed; Finished, once it is Complete or Failed."""
    display: ExperimentDisplay | None = None
    """Values for `kubectl get`."""
