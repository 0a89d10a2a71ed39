"""What is asked of a search, and what it answers: JSON both ways, and nothing else is known to whoever answers."""

from typing import Literal

from epochal_api.experiment import Search
from epochal_api.model import Model
from epochal_api.parameter import Parameter

IDLE_SECONDS = 60.0
"""How long whoever answers waits to be asked; then it ends."""
MAX_MEMORY = 192 * 1024**2
"""Bytes of private memory that the answering process may have. Importance of 1,000 trials of 32 parameters takes 180
MiB, with what the process imports for it."""
State = Literal["Complete", "Stopped", "Running", "Diverged", "Failed"]


class Known(Model):
    """A trial that the search knows of."""

    parameters: dict[str, str]
    """Its parameters that count."""
    state: State
    """Complete: it will not be trained further. Stopped: it might be. Running: nothing is known of it yet but that it
    is there. Diverged: as bad as can be. Failed before it was worth anything: it teaches nothing."""
    values: tuple[tuple[int, float], ...] = ()
    """Epochs at which it was judged, each with its value, the last one last."""
    warm: bool = False
    """Whether it is another Experiment's, so that its parameters may be tried again."""


class Request(Model):
    """What to suggest, and all that it may depend on."""

    parameters: tuple[Parameter, ...]
    """The parameters of the Experiment."""
    search: Search
    """How to choose."""
    maximize: bool
    """Whether the highest value is the best."""
    first: tuple[dict[str, str], ...]
    """Parameters of the trials 0, 1, …: the template's, then those that the Experiment wants to be tried first."""
    known: tuple[Known, ...]
    """Trials that are there, in the order of their numbers."""
    trials: tuple[int, ...]
    """Numbers of the trials to suggest parameters for, in ascending order."""
    importance: bool = False
    """Whether to tell how much each parameter matters."""


class Suggestion(Model):
    """What to try."""

    trial: int
    """Number of the trial."""
    parameters: dict[str, str]
    """Its parameters that count."""


class Response(Model):
    """What a search answers."""

    suggestions: tuple[Suggestion, ...] = ()
    """What to try, in the order asked for; fewer than asked for if there is no more to try."""
    exhausted: bool = False
    """Whether there was no more to try that has not been tried."""
    importance: dict[str, float] = {}
    """Share of each parameter in the differences between trials, 1 in all; empty while too little is known."""
