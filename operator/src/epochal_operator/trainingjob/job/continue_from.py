"""The predecessor of a TrainingJob: the TrainingJob that spec.training.continueFrom names."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from epochal_api.read_status import read_status
from epochal_api.trainingjob.status import STATES, ContinuedFrom, State, Status

from epochal_operator.trainingjob.reasons import Reason, StatusCause

Object = Mapping[str, Any]
Find = Callable[[str], Object | None]


class Predecessor(NamedTuple):
    """The state of a predecessor.

    Args:
        name: Name of the predecessor.
        state: State of the predecessor, or None if it does not exist.
        uri: URI of its results folder, if any.
        untrained: Whether it failed before its training began, so that its results contain no checkpoint.
        circle: Names in a cycle of TrainingJobs that wait for each other, with the first one repeated at the end.
    """

    name: str
    state: State | None = None
    uri: str | None = None
    untrained: bool = False
    circle: tuple[str, ...] = ()


def predecessor_name(document: Object) -> str | None:
    """Return the name of a TrainingJob's predecessor, or None if it names none.

    Args:
        document: The TrainingJob as JSON, which may be invalid.
    """
    node: object = document
    for field in ("spec", "training", "continueFrom", "name"):
        node = node.get(field) if isinstance(node, Mapping) else None
    return node if isinstance(node, str) else None


def resolve(name: str, document: Object, find: Find) -> ContinuedFrom | StatusCause:
    """Return the results from which a TrainingJob continues, or the reason why it has to wait.

    The result stays in the status while the name is unchanged, because the predecessor may be deleted before the Job is
    created again.

    Args:
        name: Name of the predecessor.
        document: The TrainingJob itself as JSON.
        find: Returns a TrainingJob of the namespace as JSON by name, or None if it does not exist.
    """
    known = _status(document).continued_from
    if known is not None and known.name == name:
        return known
    return results(predecessor(name, find))


def predecessor(name: str, find: Find) -> Predecessor:
    """Return the state of a predecessor.

    Args:
        name: Name of the predecessor.
        find: Returns a TrainingJob of the namespace as JSON by name, or None if it does not exist.
    """
    document = find(name)
    if document is None:
        return Predecessor(name)
    status = _status(document)
    uri = status.results.uri if status.results else None
    return Predecessor(name, status.state or "Queued", uri, _is_untrained(status), _circle(name, find))


def _status(document: Object) -> Status:
    return read_status(Status, document.get("status"))


def _is_untrained(status: Status) -> bool:
    told = status.progress
    return status.state == "Failed" and told is not None and told.stage == "Loading" and told.epoch == told.step == 0


_BEGUN = frozenset(STATES) - {"Queued"}


def _circle(name: str, find: Find) -> tuple[str, ...]:
    chain: dict[str, None] = {}
    while name not in chain:
        chain[name] = None
        awaited = _awaited(find(name))
        if awaited is None:
            return ()
        name = awaited
    names = list(chain)
    return (*names[names.index(name) :], name)


def _awaited(document: Object | None) -> str | None:
    """Return the name of the TrainingJob that an unstarted one waits for, or None."""
    if document is None or (document.get("status") or {}).get("state") in _BEGUN:
        return None
    return predecessor_name(document)


def results(before: Predecessor) -> ContinuedFrom | StatusCause:
    """Return the results of a predecessor, or the reason why there are none."""
    name, state = before.name, before.state
    if state is None:
        return StatusCause(
            Reason.CONTINUE_FROM_NOT_FOUND,
            f"It goes on from the TrainingJob {name} (spec.training.continueFrom.name), which does not exist in this "
            "namespace. It waits until there is one of that name.",
        )
    if before.circle:
        return StatusCause(
            Reason.CONTINUE_FROM_CIRCULAR,
            f"It goes on from the TrainingJob {name}, but these wait for each other, and none can ever start: "
            f"{' -> '.join(before.circle)} (spec.training.continueFrom.name). Delete one of them.",
        )
    if state not in {"Complete", "Failed"}:
        return StatusCause(
            Reason.CONTINUE_FROM_UNFINISHED,
            f"It goes on from the TrainingJob {name}, which is {state}. It waits until that is Complete or Failed.",
        )
    if before.uri is None or before.untrained:
        lacks = "has failed before its training began" if before.untrained else f"is {state} and has stored no results"
        return StatusCause(
            Reason.CONTINUE_FROM_FAILED,
            f"It cannot go on from the TrainingJob {name}, which {lacks}: name another "
            f"one in spec.training.continueFrom.name, or delete {name} and create it anew.",
        )
    return ContinuedFrom(name=name, uri=before.uri)
