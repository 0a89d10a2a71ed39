"""The Experiment: a search of hyper-parameters whose trials are TrainingJobs."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from epochal_api.experiment_status import ExperimentStatus
from epochal_api.kind import GROUP, MAX_SECONDS, InvalidObject, Metadata, Seconds, frozen, named, read
from epochal_api.model import Model, ObjectName, Rule, cel
from epochal_api.parameter import Number, Parameter, Value
from epochal_api.scheduling import LabelKey, LabelText
from epochal_api.status import Mode, reading
from epochal_api.text import PRINTABLE_PATTERN
from epochal_api.trainingjob import TrainingJobSpec

KIND = "Experiment"
PLURAL = "experiments"
MAX_NAME = 48
"""Characters of an Experiment's name: those of its trials have number and rung behind it."""
MAX_TRIALS = 1000
MAX_PARAMETERS = 32

MUTABLE = (
    "parallelism",
    "max_trials",
    "max_failed_trials",
    "suspend",
    "finish",
    "active_deadline_seconds",
    "ttl_seconds_after_finished",
)
"""Fields of the spec that may change once a trial exists."""


def trial_name(experiment: str, trial: int, rung: int) -> str:
    """Returns the name of the TrainingJob of a rung of a trial.

    Args:
        experiment: Name of the Experiment.
        trial: Number of the trial.
        rung: The rung, counted from 0.
    """
    return f"{experiment}-{trial}-r{rung}"


class Objective(Model):
    """What the search looks for."""

    metric: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=PRINTABLE_PATTERN)]
    """The figure to judge trials by, as in status.metrics of a TrainingJob: such as val_loss, or val_accuracy where
    accuracy is a metric."""
    goal: Literal["Maximize", "Minimize"]
    """Whether the highest value is the best (Maximize), or the lowest (Minimize)."""
    target: Number | None = None
    """The value at which the search is over, as text such as "0.995": what is trained then ends its rung. Default:
    none."""
    strategy: Literal["Best", "Last"] = "Best"
    """Which epoch's value counts. Best: that of a trial's best epoch so far. Last: that of its last one. Default:
    Best."""

    @property
    def mode(self) -> Mode:
        """What training.monitor calls the goal."""
        return "Max" if self.goal == "Maximize" else "Min"


class Search(Model):
    """How parameters are chosen."""

    method: Literal["None", "Random", "Grid", "TPE"] = "TPE"
    """None: nothing is chosen, and the template alone is trained. Random: at random. Grid: every combination, in order.
    TPE: by Optuna's tree-structured Parzen estimator, which learns from the trials so far. No combination is tried
    twice. Default: TPE."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """Where chance begins: with the same seed and the same known trials, the same is chosen. Default: 0."""
    startup_trials: Annotated[int, Field(ge=1, le=1000)] = 10
    """Trials that TPE chooses at random before it begins to learn. Default: 10."""


class Schedule(Model):
    """Which trials are trained on, and which are stopped early."""

    method: Literal["None", "ASHA", "Hyperband"] = "None"
    """None: each trial is trained to its end. ASHA (asynchronous successive halving): each ends its first rung, and the
    best of those are trained on from where they stopped, without waiting for the others. Hyperband: several of these
    side by side, each beginning a rung later. Default: None."""
    min_epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Epochs of the first rung. Default: 1."""
    factor: Annotated[int, Field(ge=2, le=100)] = 3
    """One of this many trials of a rung is trained on, and the next rung ends after this many times the epochs: with 3,
    rungs end after 1, 3, 9, … epochs. Default: 3."""


_LABEL_KEY = r"^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
_LABEL_VALUE = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
_LABELS_ARE_VALID = Rule(
    f"self.all(key, key.matches(r'{_LABEL_KEY}') && self[key].matches(r'{_LABEL_VALUE}'))",
    "must be labels: names and values of a-z, A-Z, 0-9, -, _ and ., which begin and end with a letter or digit",
)
_LABELS_ARE_FREE = Rule(
    "!self.exists(key, key.startsWith('epochal.dev/') || key == 'app.kubernetes.io/managed-by')",
    "must hold none of epochal.dev/ and no app.kubernetes.io/managed-by: Epochal tells its objects by them",
)


def _checked_labels(labels: dict[str, str]) -> dict[str, str]:
    valid = all(re.fullmatch(_LABEL_KEY, key) and re.fullmatch(_LABEL_VALUE, value) for key, value in labels.items())
    _LABELS_ARE_VALID.require(holds=valid)
    own = [key for key in labels if key.startswith(f"{GROUP}/") or key == "app.kubernetes.io/managed-by"]
    _LABELS_ARE_FREE.require(holds=not own)
    return labels


class TemplateMetadata(Model):
    """Metadata of each trial."""

    labels: Annotated[
        dict[LabelKey, LabelText],
        Field(max_length=32, json_schema_extra=cel([_LABELS_ARE_VALID, _LABELS_ARE_FREE])),
        AfterValidator(_checked_labels),
    ] = {}
    """Labels that each trial's TrainingJob bears, beside epochal.dev/experiment, …/trial and …/rung."""


_OWN: tuple[tuple[str, Rule], ...] = (
    (
        "suspend",
        Rule(
            "!has(self.spec.suspend) || !self.spec.suspend",
            "spec.suspend must not be true here: suspend of the Experiment suspends all its trials",
        ),
    ),
    (
        "finish",
        Rule(
            "!has(self.spec.finish) || !self.spec.finish",
            "spec.finish must not be true here: finish of the Experiment finishes the search",
        ),
    ),
    (
        "ttl_seconds_after_finished",
        Rule(
            "!has(self.spec.ttlSecondsAfterFinished)",
            "spec.ttlSecondsAfterFinished must not be set here: trials are deleted with their Experiment",
        ),
    ),
)
_OWN_OF_TRAINING: tuple[tuple[str, Rule], ...] = (
    (
        "continue_from",
        Rule(
            "!has(self.spec.training.continueFrom)",
            "spec.training.continueFrom must not be set here: trials continue from their own rungs",
        ),
    ),
    (
        "stop_after_epoch",
        Rule(
            "!has(self.spec.training.stopAfterEpoch)",
            "spec.training.stopAfterEpoch must not be set here: the schedule stops trials",
        ),
    ),
)


class Template(Model):
    """The TrainingJob that all trials are made of; trial 0 is trained as it is written."""

    model_config = ConfigDict(json_schema_extra=cel([rule for _, rule in (*_OWN, *_OWN_OF_TRAINING)]))

    metadata: TemplateMetadata = TemplateMetadata()
    """What each trial's TrainingJob has in its metadata."""
    spec: TrainingJobSpec
    """What to train, as in a TrainingJob that is valid by itself. Its training.epochs is the most that a trial gets."""

    @model_validator(mode="after")
    def _leaves_its_own_to_the_experiment(self) -> Self:
        for part, rules in ((self.spec, _OWN), (self.spec.training, _OWN_OF_TRAINING)):
            for field, rule in rules:
                rule.require(holds=getattr(part, field) is None or getattr(part, field) is False)
        return self


class WarmStart(Model):
    """An Experiment whose trials are known from the beginning."""

    name: ObjectName
    """Another Experiment of this namespace, by its name."""


_HAS_PARAMETERS = Rule(
    "self.search.method == 'None' || self.parameters.size() > 0",
    "parameters must name at least one, unless search.method is None",
)
_GRID_HAS_STEPS = Rule(
    "self.search.method != 'Grid' || self.parameters.all(one, !has(one.float) || has(one.float.step))",
    "parameters: with search.method Grid, float needs a step, or give values in its place",
)
_WHEN_NAMES_ANOTHER = Rule(
    "self.parameters.all(one, !has(one.when) || self.parameters.exists(other, other.name == one.when.parameter "
    "&& other.name != one.name))",
    "parameters: when.parameter must name another parameter",
)
_INITIAL_TRIALS_ARE_OF_PARAMETERS = Rule(
    "self.initialTrials.all(trial, trial.all(name, self.parameters.exists(one, one.name == name)))",
    "initialTrials must name parameters",
)
_FIRST_RUNG_FITS = Rule(
    "self.schedule.method == 'None' || self.schedule.minEpochs <= self.template.spec.training.epochs",
    "schedule.minEpochs must be at most template.spec.training.epochs",
)
_MONITORS_THE_OBJECTIVE = Rule(
    "!has(self.template.spec.training.monitor) || (self.template.spec.training.monitor.metric == self.objective.metric "
    "&& (!has(self.template.spec.training.monitor.mode) "
    "|| self.template.spec.training.monitor.mode == (self.objective.goal == 'Maximize' ? 'Max' : 'Min')))",
    "template.spec.training.monitor must be left out, or say what objective says: its metric, and Max to Maximize or "
    "Min to Minimize",
)


class ExperimentSpec(Model):
    """What to search, how, and for how long."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            [
                _HAS_PARAMETERS,
                _GRID_HAS_STEPS,
                _WHEN_NAMES_ANOTHER,
                _INITIAL_TRIALS_ARE_OF_PARAMETERS,
                _FIRST_RUNG_FITS,
                _MONITORS_THE_OBJECTIVE,
            ]
        )
    )

    objective: Objective
    """What the search looks for."""
    search: Search = Search()
    """How parameters are chosen."""
    schedule: Schedule = Schedule()
    """Which trials are trained on, and which are stopped early."""
    parallelism: Annotated[int, Field(ge=1, le=1000)] = 1
    """Trials that are trained at the same time. Default: 1."""
    max_trials: Annotated[int, Field(ge=1, le=MAX_TRIALS)] = 20
    """Trials in all, the template's own too. Raised after the end, the search goes on. Default: 20."""
    max_failed_trials: Annotated[int, Field(ge=0, le=MAX_TRIALS)] = 3
    """Failed trials that the search bears with; one more ends it. Evictions never count, and trials that diverge only
    where all do. Default: 3."""
    suspend: bool = False
    """Whether the search waits: true suspends its trials, which free their pods and resources; false goes on."""
    finish: bool = False
    """Whether to finish early: true makes no new trials; what is trained now ends its rung, and the search is Complete
    with the reason FinishedEarly. Default: false."""
    initial_trials: Annotated[
        list[Annotated[dict[str, Value], Field(max_length=MAX_PARAMETERS)]], Field(max_length=64)
    ] = []
    """Parameters to try first, after the template itself: such as [{learningRate: "0.01", filters: 32}]. What one of
    them leaves out is as in the template."""
    active_deadline_seconds: Seconds | None = None
    """Seconds from its start after which it fails, and its trials are suspended. Raised, it goes on. The clock starts
    anew when it is resumed, or goes on after its end. Default: no limit."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=MAX_SECONDS)] | None = None
    """Seconds after its end that it is deleted, its trials too, their results not. Default: never."""
    warm_start_from: Annotated[list[WarmStart], Field(max_length=8)] = []
    """Experiments whose trials the sampler learns from, as far as their parameters fit."""
    retain: Literal["Best", "All"] = "Best"
    """Whose checkpoints stay in the bucket once the search needs them no more: those of the best trial (Best), or of
    every trial (All). Models, figures and logs stay either way. Default: Best."""
    parameters: Annotated[
        list[Parameter],
        Field(
            max_length=MAX_PARAMETERS,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = []
    """What is searched."""
    template: Template
    """The TrainingJob that all trials are made of."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [one.name for one in self.parameters]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"parameters: names must differ, found twice: {', '.join(twice)}")
        method, training = self.search.method, self.template.spec.training
        _HAS_PARAMETERS.require(holds=method == "None" or bool(names))
        stepless = [one.name for one in self.parameters if one.float_ is not None and one.float_.step is None]
        _GRID_HAS_STEPS.require(holds=method != "Grid" or not stepless, found=", ".join(stepless))
        lost = [one.name for one in self.parameters if one.when and one.when.parameter not in {*names} - {one.name}]
        _WHEN_NAMES_ANOTHER.require(holds=not lost, found=f"in {', '.join(lost)}")
        unknown = sorted({name for trial in self.initial_trials for name in trial} - {*names})
        _INITIAL_TRIALS_ARE_OF_PARAMETERS.require(holds=not unknown, found=", ".join(unknown))
        _FIRST_RUNG_FITS.require(holds=self.schedule.method == "None" or self.schedule.min_epochs <= training.epochs)
        told = (self.objective.metric, self.objective.mode)
        _MONITORS_THE_OBJECTIVE.require(
            holds=training.monitor is None
            or (training.monitor.metric, training.monitor.mode or self.objective.mode) == told
        )
        return self


_STILL = ", ".join(f"spec.{to_camel(name)}" for name in MUTABLE)
_WITHOUT_TRIALS = (
    "!has(oldSelf.status) || !has(oldSelf.status.trials) || !has(oldSelf.status.trials.created) "
    "|| oldSelf.status.trials.created == 0"
)


def immutable(field: str) -> str:
    """Returns what is said to whoever changes a field of the spec too late.

    Args:
        field: Its name, as on the wire.
    """
    return (
        f"spec.{field} cannot change once a trial exists. What still can: {_STILL}. To search otherwise, create a new "
        "Experiment; with spec.warmStartFrom it learns from this one"
    )


class Experiment(Model):
    """Searches the hyper-parameters of a TrainingJob by training it with others."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra=cel(
            [
                named(MAX_NAME, "its trials are named after it"),
                *(
                    frozen(ExperimentSpec, name, _WITHOUT_TRIALS, immutable(to_camel(name)))
                    for name in ExperimentSpec.model_fields
                    if name not in MUTABLE
                ),
            ]
        ),
    )

    api_version: Literal["epochal.dev/v1alpha1"] = Field(default="epochal.dev/v1alpha1", alias="apiVersion")
    """Version of this schema."""
    kind: Literal["Experiment"] = "Experiment"
    """Kind of the object."""
    metadata: Metadata
    """Name, namespace and identity."""
    spec: ExperimentSpec
    """What to search, how, and for how long."""
    status: Annotated[ExperimentStatus | None, reading(ExperimentStatus)] = None
    """How far it has come, as Epochal saw it last."""


class InvalidExperiment(InvalidObject):
    """An Experiment that breaks the API's rules; the message has a line per field, and can be shown as it is."""


def parse(document: Any) -> Experiment:
    """Reads an Experiment.

    Args:
        document: The object as plain JSON or YAML values.

    Returns:
        The Experiment with all defaults filled in.

    Raises:
        InvalidExperiment: If it breaks a rule; the message names each field, what was found and what must hold.
    """
    return read(Experiment, document, InvalidExperiment)
