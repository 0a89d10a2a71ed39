"""The request to the searcher and its response, both JSON; the searcher has no other input."""

from typing import Literal

from epochal_api.experiment.parameter import Parameter
from epochal_api.experiment.spec import Search
from epochal_api.model import Model

IDLE_SECONDS = 60.0
"""Seconds after which an idle searcher process exits."""
BATCH = 64
"""Maximum number of suggestions in one request. A larger request takes long, and leads to the same suggestions."""
State = Literal["Complete", "Stopped", "Running", "Diverged", "Failed"]


class KnownTrial(Model):
    """An existing trial, from which the sampler learns."""

    parameters: dict[str, str]
    """The active parameters of the trial."""
    state: State
    """The state of the trial.

    Complete: the trial is fully trained. Stopped: the trial may be trained further. Running: the trial has
    no value yet. Diverged: the trial counts as the worst. Failed: the sampler ignores the trial.
    """
    values: tuple[tuple[int, float], ...] = ()
    """The epochs after which the trial was compared, each with its objective value, the last epoch last."""
    is_warm: bool = False
    """Whether the trial belongs to another Experiment, so that its parameters may be suggested again."""


class Request(Model):
    """The trials to suggest, and all inputs of the suggestions."""

    parameters: tuple[Parameter, ...]
    search: Search
    maximize: bool
    """Whether the highest value is the best."""
    first_trials: tuple[dict[str, str], ...]
    """The parameters of the trials 0, 1, …: the template's, then `initialTrials`."""
    known_trials: tuple[KnownTrial, ...]
    """The existing trials, in the order of their numbers."""
    numbers: tuple[int, ...]
    """Numbers of the trials to suggest parameters for, in ascending order."""
    importance: bool = False
    """Whether to compute the importance of each parameter."""


class Suggestion(Model):
    """The suggested parameters of a trial."""

    trial: int
    parameters: dict[str, str]
    """The active parameters of the trial."""


class Response(Model):
    """The response of the searcher."""

    suggestions: tuple[Suggestion, ...] = ()
    """The suggestions in the order of the request; fewer than requested if no untried parameters are left."""
    exhausted: bool = False
    """Whether no untried parameters are left."""
    importance: dict[str, float] = {}
    """The share of each parameter in the differences between trials, in total 1; empty without enough values."""
