"""The Experiment: a search of hyper-parameters whose trials are TrainingJobs."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from epochal_api.model import Model, ObjectName, Rule, cel
from epochal_api.text import PRINTABLE_PATTERN
from epochal_api.trainingjob import Seconds, TrainingJobSpec

KIND = "Experiment"
PLURAL = "experiments"
MAX_NAME = 48
"""Characters of an Experiment's name: those of its trials have number and rung behind it."""
MAX_TRIALS = 2000
MAX_PARAMETERS = 32

NUMBER_PATTERN = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
Number = Annotated[str, StringConstraints(max_length=32, pattern=NUMBER_PATTERN)]
"""A number as text, since the API has no floats."""
ParameterName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z][a-zA-Z0-9_]*$", max_length=63)]
Value = Annotated[str, StringConstraints(max_length=256)]
"""A parameter's value as text, as JSON would write it but for the quotes of a text: 0.01, 32, Adam, true."""
Scale = Literal["Linear", "Log"]


class Objective(Model):
    """What the search looks for."""

    metric: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=PRINTABLE_PATTERN)]
    """The figure, as in status.metrics of a TrainingJob: such as val_loss, or val_accuracy."""
    goal: Literal["Maximize", "Minimize"]
    """Whether the highest value is the best, or the lowest."""
    target: Number | None = None
    """Value at which the search is over. Default: none."""
    strategy: Literal["Best", "Last"] = "Best"
    """Which epoch's value is a trial's: its best one's so far, or its last one's."""


class Search(Model):
    """How parameters are chosen."""

    method: Literal["None", "Random", "Grid", "TPE"] = "TPE"
    """None: the template alone is trained. Random. Grid: all combinations. TPE: Optuna's tree-structured Parzen
    estimator, which learns from the trials so far."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """Seed of what is chosen: the same seed and the same known trials give the same suggestion."""
    startup_trials: Annotated[int, Field(ge=1, le=1000)] = 10
    """Trials chosen at random before TPE begins to learn."""


class Schedule(Model):
    """Which trials are trained on, and which are stopped early."""

    method: Literal["None", "ASHA", "Hyperband"] = "None"
    """None: each trial is trained to its end. ASHA: asynchronous successive halving. Hyperband: brackets of it."""
    min_epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Epochs of the first rung."""
    factor: Annotated[int, Field(ge=2, le=100)] = 3
    """Of how many trials one is trained on, and how many times more epochs the next rung has."""


class FloatRange(Model):
    """A range of numbers."""

    min: Number
    """The least value."""
    max: Number
    """The largest value."""
    scale: Scale = "Linear"
    """Log: the logarithm is what is spread evenly."""
    step: Number | None = None
    """Distance of the values from each other. Default: any value; a Grid needs it."""


class IntRange(Model):
    """A range of whole numbers."""

    min: int
    """The least value."""
    max: int
    """The largest value."""
    scale: Scale = "Linear"
    """Log: the logarithm is what is spread evenly."""
    step: Annotated[int, Field(ge=1)] = 1
    """Distance of the values from each other."""


class When(Model):
    """When a parameter is of any use."""

    parameter: ParameterName
    """Another parameter."""
    values: Annotated[list[Value], Field(min_length=1, max_length=64)]
    """Values of that one with which this one is used."""


_ONE_DOMAIN = Rule(
    "(has(self.float) ? 1 : 0) + (has(self.int) ? 1 : 0) + (has(self.values) ? 1 : 0) == 1",
    "give exactly one of float, int and values",
)


class Parameter(Model):
    """A hyper-parameter: where it stands in the template, and what it may be."""

    model_config = {**Model.model_config, "json_schema_extra": cel([_ONE_DOMAIN])}

    name: ParameterName
    """Its name."""
    paths: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=PRINTABLE_PATTERN)]],
        Field(min_length=1, max_length=16),
    ]
    """Where its value goes, within the template's spec: such as training.optimizer.learning_rate,
    network.layers[conv1].filters (a layer by its name) or network.layers[2].filters (by its index)."""
    float_: Annotated[FloatRange | None, Field(alias="float")] = None
    """A range of numbers."""
    int_: Annotated[IntRange | None, Field(alias="int")] = None
    """A range of whole numbers."""
    values: Annotated[list[Value], Field(min_length=1, max_length=256)] | None = None
    """The values it may have."""
    when: When | None = None
    """When it is of any use. Default: always. Where it is of none, the template's value stays, if it has any."""

    @model_validator(mode="after")
    def _one_domain(self) -> Self:
        if sum(one is not None for one in (self.float_, self.int_, self.values)) != 1:
            raise ValueError(_ONE_DOMAIN.message)
        return self


class TemplateMetadata(Model):
    """Metadata of each trial."""

    labels: Annotated[dict[str, str], Field(max_length=32)] = {}
    """Labels of each trial."""


class Template(Model):
    """The TrainingJob that all trials are made of; trial 0 is trained as it is written."""

    metadata: TemplateMetadata = TemplateMetadata()
    """Metadata of each trial."""
    spec: TrainingJobSpec
    """What to train. Its epochs are the most that a trial gets."""


class WarmStart(Model):
    """An Experiment whose trials are known from the beginning."""

    name: ObjectName
    """Name of another Experiment of this namespace."""


class ExperimentSpec(Model):
    """What to search, how, and for how long."""

    objective: Objective
    """What the search looks for."""
    search: Search = Search()
    """How parameters are chosen."""
    schedule: Schedule = Schedule()
    """Which trials are trained on, and which are stopped early."""
    parallelism: Annotated[int, Field(ge=1, le=1000)] = 1
    """Trials that are trained at the same time."""
    max_trials: Annotated[int, Field(ge=1, le=MAX_TRIALS)] = 20
    """Trials in all, the template's own too."""
    max_failed_trials: Annotated[int, Field(ge=0, le=MAX_TRIALS)] = 3
    """Failed trials that the search bears with; one more ends it. Trials that diverge do not count, unless all do."""
    suspend: bool = False
    """Whether the search waits: true suspends all its trials."""
    finish: bool = False
    """Whether to finish early: true makes no new trials; what is trained now ends its rung, then it is Complete."""
    initial_trials: Annotated[list[dict[str, Value]], Field(max_length=64)] = []
    """Parameters to try first, after the template itself. What one leaves out is as in the template."""
    active_deadline_seconds: Seconds | None = None
    """Seconds from its start after which it fails, and its trials are suspended. Default: no limit."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0)] | None = None
    """Seconds after its end that it is deleted, with its trials, but not their results. Default: never."""
    warm_start_from: Annotated[list[WarmStart], Field(max_length=8)] = []
    """Experiments whose finished trials the sampler learns from, as far as their parameters fit."""
    retain: Literal["Best", "All"] = "Best"
    """Whose checkpoints stay in the bucket once they are of no more use to the search: the best trial's, or all."""
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
