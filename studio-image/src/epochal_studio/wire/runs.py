"""Requests and answers about runs: the list, the detail page, and actions."""

from datetime import datetime
from typing import Annotated, Any, Literal

from epochal_api.model import Model
from epochal_api.modelserver.config import ImageMode
from pydantic import Field

from epochal_studio.wire.common import Finite, Name, Problem, RunKey, RunKind

MAX_SPARKLINE = 32
Action = Literal["suspend", "resume", "finish"]
Permission = Literal["suspend", "resume", "finish", "clone", "delete", "deploy", "log", "storage"]


class MetricValue(Model):
    """A value of a metric."""

    name: str
    value: Finite | None
    """None if the value is unknown or not finite."""


class ServerSummary(Model):
    """The model and the pods of a ModelServer."""

    url: str
    """Address of the ModelServer in the cluster; empty until the operator has written it."""
    model: str
    """URI of the model; empty until the ModelServer has a model."""
    source: RunKey | None
    """The TrainingJob or Experiment that produced the model. It may no longer exist."""
    replicas: int
    ready_replicas: int


class RunSummary(RunKey):
    """A row of the list of runs: a TrainingJob, an Experiment or a ModelServer."""

    uid: str
    resource_version: str
    generation: int = 0
    """metadata.generation, which each change of the spec increases, for ActionRequest."""
    created: datetime
    state: str
    """State of the run, such as Running; Pending until the operator has written a state."""
    reason: str
    """Why the run waits or has failed, such as `Unschedulable: 0/3 nodes have a free GPU`; empty otherwise."""
    warnings: int
    """Number of warnings."""
    start_time: datetime | None
    completion_time: datetime | None
    estimated_completion_time: datetime | None
    percent: Annotated[int, Field(ge=0, le=100)]
    epoch: int | None
    epochs: int | None
    metrics: list[MetricValue]
    """At most 6 metrics after the last epoch; for an Experiment, the objective with the value of the best trial."""
    best: MetricValue | None
    sparkline: Annotated[list[Finite], Field(max_length=MAX_SPARKLINE)]
    """The last values of the monitored metric that Studio has seen since its start, oldest first."""
    trials: dict[str, int] | None
    """Numbers of an Experiment's trials by state (created, running, complete, failed), and the `total` to create."""
    experiment: str | None
    """Name of the Experiment if this TrainingJob is a trial."""
    has_model: bool
    """Whether a ModelServer can serve a model of this run."""
    server: ServerSummary | None = None
    """For a ModelServer: its model and its pods."""


class RunsUpdate(Model):
    """Changes of the list of runs. A complete list is sent in several parts, each with a few hundred runs at most."""

    is_first: bool
    """Whether this is the first part of a complete list. It may also be the last part."""
    is_complete: bool
    """Whether this is the last part of a complete list: the page removes all runs that are in none of its parts."""
    changed: list[RunSummary]
    removed: list[RunKey]


class ConnectionState(Model):
    """The connection of the back end to the API server."""

    is_connected: bool
    kinds: list[RunKind]
    """Kinds that the user may watch."""
    problem: Problem | None = None


class Entry(Model):
    """A line of an object's history: an Event or a condition."""

    time: datetime
    type: str
    """Type of the Event, Normal or Warning; or a condition with its status, such as Ready=False."""
    reason: str
    message: str
    count: int


class Phase(Model):
    """A phase in the timeline of a run."""

    name: Literal["Queue", "Start", "Data", "Training", "Storing", "Suspended"]
    begin: datetime
    end: datetime | None
    """End of the phase; None while it lasts."""
    is_estimated: bool = False
    """Whether `begin` is estimated from the progress in the status, because the cluster stores no exact time."""


class RunDetail(Model):
    """The detail page of a run, from its object, its Events and its pods in the API server."""

    summary: RunSummary
    object: dict[str, Any]
    """The object without managedFields."""
    yaml: str
    """The object as YAML for `kubectl apply`: without status and fields that the API server sets."""
    permissions: list[Permission]
    entries: list[Entry]
    """Events and conditions, newest first: at most 200."""
    entries_problem: Problem | None = None
    """Why Events are missing."""
    timeline: list[Phase]
    layers: list[list[str]]
    """The network: name, class and arguments of each layer, at most 1,000."""


class ActionRequest(Model):
    """A request to suspend, resume or finish a run."""

    action: Action
    resource_version: str
    """metadata.resourceVersion of the object that the page shows. If the object is newer, the answer is Conflict."""
    generation: int | None = None
    """metadata.generation of the object that the page shows. A newer version with the same generation is no conflict,
    because only its status or metadata has changed."""
    uid: Name | None = None
    """metadata.uid of the object that the page shows. Another object with the same name is a conflict."""


class CloneRequest(Model):
    """A request to copy a run under another name."""

    name: Name
    suspend: bool = True


class DeployRequest(Model):
    """A request to create a ModelServer for the model of a run."""

    name: Name
    images: ImageMode | None = None
    """spec.images of the ModelServer: how it converts photographs. null chooses by the network's input: Resize for
    colour images, Digit for gray images of 28 × 28, else None."""
