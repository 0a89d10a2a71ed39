"""The Experiment: a search of hyper-parameters with TrainingJobs as its trials."""

import re
from operator import attrgetter
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from epochal_api.experiment.parameter import Number, Parameter, Value
from epochal_api.experiment.status import ExperimentStatus
from epochal_api.kind import (
    GROUP,
    MAX_SECONDS,
    InvalidObject,
    KubernetesObject,
    Seconds,
    dns_label_rule,
    immutability_rules,
    parse_object,
)
from epochal_api.model import Model, ObjectName, Rule, admission, cel, list_map, short_text
from epochal_api.read_status import status_validator
from epochal_api.scheduling import LabelKey, LabelText
from epochal_api.text import PRINTABLE_PATTERN
from epochal_api.trainingjob.spec import TrainingJobSpec
from epochal_api.trainingjob.status import Mode

KIND = "Experiment"
PLURAL = "experiments"
EXPERIMENT_LABEL = f"{GROUP}/experiment"
"""Label of all objects that belong to an Experiment: the name of the Experiment."""
EXPERIMENT_UID_LABEL = f"{GROUP}/experiment-uid"
"""Label of all objects that belong to an Experiment: its UID, since an earlier one may have had the same name."""
TRIAL_LABEL = f"{GROUP}/trial"
"""Label of a trial's TrainingJob: the number of the trial."""
RUNG_LABEL = f"{GROUP}/rung"
"""Label of a trial's TrainingJob: the rung, counted from 0."""
MAX_NAME = 48
"""Maximum characters of an Experiment's name: the names of its trials append the number and the rung."""
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
    """Return the name of the TrainingJob of a rung of a trial."""
    return f"{experiment}-{trial}-r{rung}"


class Objective(Model):
    """The objective of the search."""

    metric: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=PRINTABLE_PATTERN)]
    """Metric by which trials are compared, as in status.metrics of a TrainingJob: such as val_loss, or val_accuracy if
    accuracy is a metric."""
    goal: Literal["Maximize", "Minimize"]
    """Whether the highest value is the best (Maximize), or the lowest (Minimize)."""
    target: Number | None = None
    """Value at which the search ends, as text such as "0.995". Running trials then end their rung. Default: none."""
    strategy: Literal["Best", "Last"] = "Best"
    """The epoch whose value counts. Best: the best epoch of a trial so far. Last: its last epoch. Default: Best."""

    @property
    def mode(self) -> Mode:
        """The goal as the value of training.monitor.mode: Max or Min."""
        return "Max" if self.goal == "Maximize" else "Min"


class Search(Model):
    """How parameters are selected."""

    method: Literal["None", "Random", "Grid", "TPE"] = "TPE"
    """None: only the template is trained. Random: at random. Grid: every combination, in order. TPE: by Optuna's
    tree-structured Parzen estimator, which learns from previous trials. No combination is tried twice. Default: TPE."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """Random seed: the same seed and the same previous trials give the same parameters. Default: 0."""
    startup_trials: Annotated[int, Field(ge=1, le=1000)] = 10
    """Random trials of TPE before it starts to learn. Default: 10."""


class Schedule(Model):
    """Which trials continue, and which are stopped early."""

    method: Literal["None", "ASHA", "Hyperband"] = "None"
    """None: each trial is trained for all epochs. ASHA (asynchronous successive halving): each trial ends its first
    rung, and the best ones continue from their checkpoints without waiting for others. Hyperband: several ASHA brackets
    side by side, each of which starts one rung later. Default: None."""
    min_epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Epochs of the first rung. Default: 1."""
    factor: Annotated[int, Field(ge=2, le=100)] = 3
    """Reduction factor: one of this many trials of a rung continues, and the next rung ends after this many times the
    epochs. With 3, rungs end after 1, 3, 9, … epochs. Default: 3."""


_LABEL_KEY = r"^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
_LABEL_VALUE = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
_VALID_LABELS = Rule(
    f"self.all(key, key.matches(r'{_LABEL_KEY}') && self[key].matches(r'{_LABEL_VALUE}'))",
    "must be valid labels: keys and values of a-z, A-Z, 0-9, -, _ and ., which begin and end with a letter or digit",
)
_NO_RESERVED_LABELS = Rule(
    "!self.exists(key, key.startsWith('epochal.dev/') || key == 'app.kubernetes.io/managed-by')",
    "must not contain epochal.dev/ keys or app.kubernetes.io/managed-by, which identify the objects of Epochal",
    ("self.filter(key, key.startsWith('epochal.dev/') || key == 'app.kubernetes.io/managed-by')[0]",),
)


def _check_labels(labels: dict[str, str]) -> dict[str, str]:
    valid = all(re.fullmatch(_LABEL_KEY, key) and re.fullmatch(_LABEL_VALUE, value) for key, value in labels.items())
    _VALID_LABELS.require(holds=valid)
    reserved = [key for key in labels if key.startswith(f"{GROUP}/") or key == "app.kubernetes.io/managed-by"]
    _NO_RESERVED_LABELS.require(holds=not reserved)
    return labels


class TemplateMetadata(Model):
    """Metadata of each trial's TrainingJob."""

    labels: Annotated[
        dict[LabelKey, LabelText],
        Field(max_length=32, json_schema_extra=cel(_VALID_LABELS, _NO_RESERVED_LABELS)),
        AfterValidator(_check_labels),
    ] = {}
    """Labels of each trial's TrainingJob, in addition to epochal.dev/experiment, …/trial and …/rung."""


def _must_be_unset(field: str, reason: str, *, is_boolean: bool = False) -> tuple[str, Rule]:
    """Return the name of a field that the Experiment controls, and the rule that the template's spec does not set it.

    Args:
        field: Python name of the field in the template's spec, with dots.
        reason: Why the template must not set the field, for the message.
        is_boolean: Whether the field is boolean. The template may then set it to false.
    """
    path = ".".join(map(to_camel, field.split(".")))
    absent = f"!has(self.spec.{path})" + (f" || !self.spec.{path}" if is_boolean else "")
    return field, Rule(absent, f"spec.{path} must not be {'true' if is_boolean else 'set'} in a template: {reason}")


_UNSET_FIELDS = (
    _must_be_unset("suspend", "suspend of the Experiment suspends all its trials", is_boolean=True),
    _must_be_unset("finish", "finish of the Experiment finishes the search", is_boolean=True),
    _must_be_unset("ttl_seconds_after_finished", "trials are deleted with their Experiment"),
    _must_be_unset("training.continue_from", "each trial continues from its previous rung"),
    _must_be_unset("training.stop_after_epoch", "the schedule stops trials"),
)


class Template(Model):
    """The TrainingJob from which all trials are created. Trial 0 is trained without changes."""

    model_config = ConfigDict(json_schema_extra=cel(*(rule for _, rule in _UNSET_FIELDS)))

    metadata: TemplateMetadata = TemplateMetadata()
    """Metadata of each trial's TrainingJob."""
    spec: TrainingJobSpec
    """Spec of a valid TrainingJob. Its training.epochs is the maximum for a trial."""

    @model_validator(mode="after")
    def _check_must_be_unset(self) -> Self:
        for field, rule in _UNSET_FIELDS:
            value = attrgetter(field)(self.spec)
            rule.require(holds=value is None or value is False)
        return self


class WarmStart(Model):
    """An earlier Experiment that provides trials from the start."""

    name: ObjectName
    """Name of another Experiment in this namespace."""


_HAS_PARAMETERS = Rule(
    "self.search.method == 'None' || self.parameters.size() > 0",
    "parameters must not be empty, unless search.method is None",
    ("self.search.method",),
)
_GRID_HAS_STEPS = Rule(
    "self.search.method != 'Grid' || self.parameters.all(one, !has(one.float) || has(one.float.step))",
    "parameters: with search.method Grid, float requires a step; or give a list of values instead",
    (short_text("self.parameters.filter(one, has(one.float) && !has(one.float.step))[0].name"),),
)
_NAMES_ANOTHER = (
    "(!has(one.when) || self.parameters.exists(other, other.name == one.when.parameter && other.name != one.name))"
)
_WITHOUT_ANOTHER = f"self.parameters.filter(one, !{_NAMES_ANOTHER})[0]"
_WHEN_ANOTHER = Rule(
    f"self.parameters.all(one, {_NAMES_ANOTHER})",
    "parameters: when.parameter must be the name of another parameter",
    (f"{_WITHOUT_ANOTHER}.when.parameter", f"{_WITHOUT_ANOTHER}.name"),
)
_KNOWS_NAME = "self.parameters.exists(one, one.name == name)"
_KNOWN_PARAMETERS = Rule(
    # A list of the names costs a tenth of a search in the parameters for each name.
    "[self.parameters.map(one, one.name)].all(names, self.initialTrials.all(trial, trial.all(name, name in names)))",
    "initialTrials must contain names of parameters only",
    (
        short_text(
            f"self.initialTrials.filter(trial, !trial.all(name, {_KNOWS_NAME}))[0].filter(name, !{_KNOWS_NAME})[0]"
        ),
    ),
)
_MIN_EPOCHS = Rule(
    "self.schedule.method == 'None' || self.schedule.minEpochs <= self.template.spec.training.epochs",
    "schedule.minEpochs must be at most template.spec.training.epochs",
    ("self.schedule.minEpochs", "self.template.spec.training.epochs"),
    "of",
)
_MONITOR_IS_OBJECTIVE = Rule(
    "!has(self.template.spec.training.monitor) || (self.template.spec.training.monitor.metric == self.objective.metric "
    "&& (!has(self.template.spec.training.monitor.mode) "
    "|| self.template.spec.training.monitor.mode == (self.objective.goal == 'Maximize' ? 'Max' : 'Min')))",
    "template.spec.training.monitor must be omitted or equal the objective: its metric, and the mode Max for Maximize "
    "or Min for Minimize",
)


class ExperimentSpec(Model):
    """The search space, the search method, the trials and their limits."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            _HAS_PARAMETERS,
            _WHEN_ANOTHER,
            _MIN_EPOCHS,
            _MONITOR_IS_OBJECTIVE,
        )
        | admission(_GRID_HAS_STEPS, _KNOWN_PARAMETERS)
    )

    objective: Objective
    """The objective of the search."""
    search: Search = Search()
    """How parameters are selected."""
    schedule: Schedule = Schedule()
    """Which trials continue, and which are stopped early."""
    parallelism: Annotated[int, Field(ge=1, le=1000)] = 1
    """Trials that are trained concurrently. Default: 1."""
    max_trials: Annotated[int, Field(ge=1, le=MAX_TRIALS)] = 20
    """Total number of trials, including the template's own. If raised after the end, the search continues. Default:
    20."""
    max_failed_trials: Annotated[int, Field(ge=0, le=MAX_TRIALS)] = 3
    """Failed trials that the search tolerates; one more ends it. Evictions never count. Diverged trials count only if
    all trials diverge. Default: 3."""
    suspend: bool = False
    """Whether the search is suspended: true suspends its trials and frees their resources; false resumes it."""
    finish: bool = False
    """Whether to finish early: true creates no more trials. Running trials end their rung, and the search is Complete
    with the reason FinishedEarly. Default: false."""
    initial_trials: Annotated[
        list[Annotated[dict[str, Value], Field(max_length=MAX_PARAMETERS)]], Field(max_length=64)
    ] = []
    """Parameters to try first, after the template: such as [{learningRate: "0.01", filters: 32}]. Omitted parameters
    keep the template's values."""
    active_deadline_seconds: Seconds | None = None
    """Seconds from the start after which the Experiment fails and its trials are suspended. If the value is raised, the
    Experiment continues. The count restarts when the Experiment is resumed, or continues after its end. Default: no
    limit."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=MAX_SECONDS)] | None = None
    """Seconds after the end until the Experiment is deleted with its trials. Their results stay in the bucket. Default:
    never."""
    warm_start_from: Annotated[list[WarmStart], Field(max_length=8)] = []
    """Experiments from whose trials the sampler learns, as far as their parameters match."""
    retain: Literal["Best", "All"] = "Best"
    """The trials whose checkpoints stay in the bucket once the search does not need them: only the best one (Best), or
    every trial (All). Models, metrics and logs always stay. Default: Best."""
    parameters: Annotated[list[Parameter], Field(max_length=MAX_PARAMETERS, json_schema_extra=list_map("name"))] = []
    """The parameters to search."""
    template: Template
    """The TrainingJob from which all trials are created."""

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        names = [parameter.name for parameter in self.parameters]
        if duplicates := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"parameters: names must be unique, found twice: {', '.join(duplicates)}")
        method, training = self.search.method, self.template.spec.training
        _HAS_PARAMETERS.require(holds=method == "None" or bool(names))
        stepless = [item.name for item in self.parameters if item.float_ is not None and item.float_.step is None]
        _GRID_HAS_STEPS.require(holds=method != "Grid" or not stepless, found=", ".join(stepless))
        invalid = [
            f"{item.when.parameter} in {item.name}"
            for item in self.parameters
            if item.when and item.when.parameter not in {*names} - {item.name}
        ]
        _WHEN_ANOTHER.require(holds=not invalid, found=", ".join(invalid))
        unknown = sorted({name for trial in self.initial_trials for name in trial} - {*names})
        _KNOWN_PARAMETERS.require(holds=not unknown, found=", ".join(unknown))
        _MIN_EPOCHS.require(holds=self.schedule.method == "None" or self.schedule.min_epochs <= training.epochs)
        objective, monitor = self.objective, training.monitor
        is_objective = monitor is None or (
            monitor.metric == objective.metric and monitor.mode in {None, objective.mode}
        )
        _MONITOR_IS_OBJECTIVE.require(holds=is_objective)
        return self


_UNCHECKED = (*MUTABLE, "initial_trials")
"""Fields without a rule of the CRD. CEL in a CRD does not see initialTrials, whose values have no type: the chart's
admission policy refuses its changes."""
_MUTABLE = ", ".join(f"spec.{to_camel(name)}" for name in MUTABLE)
_NOT_STARTED = (
    "!has(oldSelf.status) || !has(oldSelf.status.trials) || !has(oldSelf.status.trials.created) "
    "|| oldSelf.status.trials.created == 0"
)


def immutable(field: str) -> str:
    """Return the message for a change of an immutable field of the spec, by its name in JSON."""
    return (
        f"spec.{field} cannot change once a trial exists. Mutable fields: {_MUTABLE}. To search with another spec, "
        "create a new Experiment; with spec.warmStartFrom it learns from this one"
    )


class Experiment(KubernetesObject):
    """Searches the hyper-parameters of a TrainingJob by training variants of this job."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            dns_label_rule(MAX_NAME, "trials"),
            *immutability_rules(ExperimentSpec, _UNCHECKED, not_started=_NOT_STARTED, message=immutable),
        )
    )

    kind: Literal["Experiment"] = "Experiment"
    spec: ExperimentSpec
    """The search space, the search method, the trials and their limits."""
    status: Annotated[ExperimentStatus | None, status_validator(ExperimentStatus)] = None
    """Status of the search, as last observed by Epochal."""


class InvalidExperiment(InvalidObject):
    """An Experiment that violates the API's rules. The message has one line per field, without control characters."""


def parse(document: Any) -> Experiment:
    """Return an Experiment from plain JSON or YAML values, or raise InvalidExperiment, as `kind.parse_object` does."""
    return parse_object(Experiment, document, InvalidExperiment)
