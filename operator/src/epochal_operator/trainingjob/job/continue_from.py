"""The predecessor of a TrainingJob: the TrainingJob that spec.training.continueFrom names."""

from collections.abc import Callable, Mapping
from typing import Any

from epochal_api.read_status import read_status
from epochal_api.trainingjob.status import STATES, ContinuedFrom, Status

from epochal_operator.trainingjob.reasons import Reason, StatusCause

Object = Mapping[str, Any]
GetTrainingJob = Callable[[str], Object | None]
"""Returns a TrainingJob of the namespace as JSON by name, or None if it does not exist."""

MAX_CYCLE = 100
"""Maximum number of TrainingJobs in a cycle that is reported. Each TrainingJob of a namespace follows its own chain, so
long chains would cost quadratic time."""

_STARTED_STATES = frozenset(STATES) - {"Queued"}


def predecessor_name(document: Object) -> str | None:
    """Return the name of a TrainingJob's predecessor, or None if it names none. The TrainingJob may be invalid."""
    node: object = document
    for field in ("spec", "training", "continueFrom", "name"):
        node = node.get(field) if isinstance(node, Mapping) else None
    return node if isinstance(node, str) else None


def predecessor_results(name: str, document: Object, get: GetTrainingJob) -> ContinuedFrom | StatusCause:
    """Return the results of the predecessor `name` of a TrainingJob, or the cause for which the TrainingJob waits.

    The results stay in the status while the name is unchanged, because the predecessor may be deleted before the Job is
    created again.
    """
    known = _status(document).continued_from
    if known is not None and known.name == name:
        return known
    predecessor = get(name)
    if predecessor is None:
        return StatusCause(
            Reason.CONTINUE_FROM_NOT_FOUND,
            f"spec.training.continueFrom.name: the TrainingJob {name} does not exist in this namespace. Create it, or "
            "correct the name.",
        )
    if cycle := _cycle(name, get):
        return StatusCause(
            Reason.CONTINUE_FROM_CIRCULAR,
            "spec.training.continueFrom.name: these TrainingJobs wait for each other, so they never start: "
            f"{' -> '.join(cycle)}. Delete one of them.",
        )
    status = _status(predecessor)
    state = status.state or "Queued"
    if state not in {"Complete", "Failed"}:
        return StatusCause(
            Reason.CONTINUE_FROM_UNFINISHED,
            f"Waiting for the TrainingJob {name}, which is {state}, to be Complete or Failed "
            "(spec.training.continueFrom.name).",
        )
    uri, untrained = status.results.uri if status.results else None, _failed_before_training(status)
    if uri is None or untrained:
        lacks = "has failed before its training began" if untrained else f"is {state} and has stored no results"
        return StatusCause(
            Reason.CONTINUE_FROM_FAILED,
            f"Cannot continue from the TrainingJob {name}, which {lacks}. Set spec.training.continueFrom.name to "
            f"another TrainingJob, or delete {name} and create it again.",
        )
    return ContinuedFrom(name=name, uri=uri)


def _status(document: Object) -> Status:
    return read_status(Status, document.get("status"))


def _failed_before_training(status: Status) -> bool:
    """Return whether the results of a TrainingJob contain no checkpoint, because it failed while it was loading."""
    progress = status.progress
    if status.state != "Failed" or progress is None:
        return False
    return progress.stage == "Loading" and progress.epoch == progress.step == 0


def _cycle(name: str, get: GetTrainingJob) -> tuple[str, ...]:
    """Return the names in a cycle of TrainingJobs that wait for each other, with the first name repeated at the end.

    The result is empty without a cycle in the first MAX_CYCLE predecessors of the TrainingJob `name`.
    """
    chain: dict[str, None] = {}
    while name not in chain:
        if len(chain) == MAX_CYCLE:
            return ()
        chain[name] = None
        document = get(name)
        if document is None or (document.get("status") or {}).get("state") in _STARTED_STATES:
            return ()
        predecessor = predecessor_name(document)
        if predecessor is None:
            return ()
        name = predecessor
    names = list(chain)
    return (*names[names.index(name) :], name)
