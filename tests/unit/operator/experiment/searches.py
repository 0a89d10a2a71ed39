"""Experiments, ledgers and trials for tests."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from epochal_api.experiment.spec import ExperimentSpec
from epochal_operator.experiment.ledger.encoding import Sizes
from epochal_operator.experiment.ledger.events import Created, Diverged, Event, Failed, Finished, Started
from epochal_operator.experiment.ledger.stored import StoredLedger
from epochal_operator.experiment.ledger.trials import apply_events
from epochal_operator.experiment.trial import Rung, Trial

from tests.unit.operator.objects import SPEC

EPOCHS = 9


def spec_document(**changes: Any) -> dict[str, Any]:
    template = copy.deepcopy(SPEC)
    template["training"] |= {
        "epochs": changes.pop("epochs", EPOCHS),
        "metrics": ["accuracy"],
        "optimizer": {"name": "Adam", "learning_rate": 0.001},
    }
    template["data"]["validation"] = {"split": "0.2"}
    given: dict[str, Any] = {
        "objective": {"metric": "val_accuracy", "goal": "Maximize"},
        "search": {"method": "Random"},
        "schedule": {"method": "ASHA", "minEpochs": 1, "factor": 3},
        "parallelism": 2,
        "maxTrials": 6,
        "parameters": [
            {"name": "rate", "paths": ["training.optimizer.learning_rate"], "float": {"min": "0.001", "max": "0.1"}}
        ],
        "template": {"spec": template},
    }
    return given | changes


def spec(**changes: Any) -> ExperimentSpec:
    """Returns the spec of an Experiment; changes are fields as on the wire, and the template's epochs."""
    return ExperimentSpec.model_validate(spec_document(**changes))


def trial(number: int, *values: float | None, epochs: Sequence[int] = (1, 3, 9), **rest: Any) -> Trial:
    """Returns a trial that has finished rungs with these values; Paused, unless it has climbed all, or has none."""
    value_epoch = rest.pop("value_epoch", None)
    rungs = tuple(
        Rung(epoch, worth, f"uid-{number}-{rung}", 60, value_epoch)
        for rung, (epoch, worth) in enumerate(zip(epochs, values, strict=False))
    )
    state = "Running" if not rungs else "Complete" if len(rungs) == len(epochs) else "Paused"
    fields: dict[str, Any] = {"parameters": {}, "known_events": 0, "rungs": rungs, "state": state}
    return Trial(number, **fields | rest)


def ledger(events: Sequence[Event] = (), size: int = 0, **rest: Any) -> StoredLedger:
    return StoredLedger("e", events=tuple(events), trials=apply_events(events), sizes=Sizes(size), **rest)


def created(number: int, parameters: Mapping[str, str] | None = None, known: int = 0) -> Created:
    return Created(number, parameters or {}, known)


def started(number: int, rung: int = 0, uid: str = "") -> Started:
    return Started(number, rung, uid or f"uid-{number}-{rung}")


def finished(number: int, value: str | None, rung: int = 0, *, is_last: bool = False, epoch: int = 0) -> Finished:
    return Finished(number, rung, epoch or (1, 3, 9)[rung], value, f"uid-{number}-{rung}", 60, is_last)


def diverged(number: int, rung: int = 0) -> Event:
    return Diverged(number, rung, f"uid-{number}-{rung}")


def failed(number: int, rung: int = 0, reason: str = "OutOfMemory") -> Event:
    return Failed(number, rung, f"uid-{number}-{rung}", reason)
