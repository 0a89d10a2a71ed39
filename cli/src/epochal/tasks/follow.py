"""Follows TrainingJobs, Experiments and ModelServers until they end."""

import queue
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple, Protocol

from epochal.client.cluster import Cluster
from epochal.client.failures import ApiError
from epochal.client.kinds import MODEL_SERVERS, Kind
from epochal.client.references import Found, reference
from epochal.client.watch_state import Change
from epochal.exit_codes import ExitCode
from epochal.views import progress

TICK_SECONDS = 1.0
"""Seconds after which a view is drawn again without a change: the remaining time has become less."""
WATCH_THREAD = "epochal-watch"
"""Name of the threads that watch the objects of one kind."""
NO_OPERATOR_SECONDS = 15.0
"""Seconds without any status after which the user gets a hint."""


class Target(NamedTuple):
    """An object to follow."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return reference(self.kind, self.name)


class View(Protocol):
    """Shows the progress of objects."""

    def show(self, target: Target, found: Mapping[str, Any], *, deleted: bool) -> None:
        """Show an object that has changed."""

    def tick(self) -> None:
        """Show the remaining time."""


def follow(cluster: Cluster, found: Sequence[Found], view: View) -> ExitCode:
    """Show objects until all have ended, and return the exit code: FAILED if one failed, NOT_FOUND if one was deleted.

    A ModelServer ends when it is Ready or has failed.

    Args:
        cluster: The cluster.
        found: The objects.
        view: Shows each change.
    """
    following = _Following(cluster, found, view)
    with closing(changes(cluster, [*following.uids])) as items:
        for item in items:
            if item is None:
                view.tick()
                following.find_deleted()
            else:
                following.take(*item)
            if not following.uids:
                break
            following.hint()
    severity = (ExitCode.DONE, ExitCode.NOT_FOUND, ExitCode.FAILED).index
    return max(following.codes, key=severity, default=ExitCode.NOT_FOUND)


class _Following:
    """The objects that have not ended yet, by identity: an object that is created again with the same name is another.

    Attributes:
        uids: The UID of each object that has not ended.
        codes: The exit codes of those that have.
    """

    def __init__(self, cluster: Cluster, found: Sequence[Found], view: View) -> None:
        self.uids = {Target(each.kind, each.name): str(each.object["metadata"].get("uid") or "") for each in found}
        self.codes: list[ExitCode] = []
        self._cluster = cluster
        self._view = view
        self._objects = {Target(each.kind, each.name): each.object for each in found}
        self._unseen = set(self.uids)
        self._silent = set(self.uids)
        self._hint_at = time.monotonic() + NO_OPERATOR_SECONDS

    def take(self, target: Target, change: Change) -> None:
        """Show a change, and note the end of an object."""
        if target not in self.uids:
            return
        self._unseen.discard(target)
        if self.uids[target] not in {"", str(change.object["metadata"].get("uid"))}:
            self._end_deleted(target)
            return
        self._objects[target] = change.object
        if change.type == "DELETED":
            self._end_deleted(target)
            return
        self._view.show(target, change.object, deleted=False)
        if change.object.get("status"):
            self._silent.discard(target)
        if (code := end(target.kind, change.object)) is not None:
            self._end(target, code)

    def find_deleted(self) -> None:
        """End objects that do not exist: the watch has no change of an object deleted before its start."""
        for target in self._unseen & set(self.uids):
            try:
                self._cluster.get(target.kind, target.name)
            except ApiError as error:
                if not error.is_object_missing:
                    raise
                self._end_deleted(target)

    def hint(self) -> None:
        """Warn once of objects without a status."""
        if self._silent and time.monotonic() > self._hint_at:
            names = ", ".join(sorted(str(target) for target in self._silent & set(self.uids)))
            self._cluster.environment.warn(
                f"epochal: no operator has written a status of {names} yet: see `epochal doctor`"
            )
            self._silent = set()

    def _end_deleted(self, target: Target) -> None:
        self._view.show(target, self._objects[target], deleted=True)
        self._end(target, ExitCode.NOT_FOUND)

    def _end(self, target: Target, code: ExitCode) -> None:
        self.codes.append(code)
        del self.uids[target]
        self._silent.discard(target)


def end(kind: Kind, found: Mapping[str, Any]) -> ExitCode | None:
    """Return the exit code of an object that has ended, or None."""
    state = progress.state(found)
    if state == "Failed":
        return ExitCode.FAILED
    return ExitCode.DONE if state == ("Ready" if kind == MODEL_SERVERS else "Complete") else None


def changes(cluster: Cluster, targets: Sequence[Target]) -> Generator[tuple[Target, Change] | None, None, None]:
    """Yield the changes of objects of several kinds as they arrive, and None after a second without a change.

    The watches end with the generator: a notebook lives on.
    """
    names: dict[Kind, list[str]] = {}
    for target in targets:
        names.setdefault(target.kind, []).append(target.name)
    arriving: queue.Queue[tuple[Target, Change] | Exception] = queue.Queue(maxsize=1000)
    ended = threading.Event()
    for kind, wanted in names.items():
        # A daemon: a blocked read must not keep the command alive after Ctrl-C.
        watched = (cluster, kind, frozenset(wanted), arriving, ended)
        threading.Thread(target=_watch, name=WATCH_THREAD, args=watched, daemon=True).start()
    try:
        while True:
            try:
                item = arriving.get(timeout=TICK_SECONDS)
            except queue.Empty:
                yield None
                continue
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        ended.set()


def _watch(
    cluster: Cluster, kind: Kind, names: frozenset[str], arriving: "queue.Queue[Any]", ended: threading.Event
) -> None:
    """Put the changes of objects of one kind into a queue, by one watch for any number of names."""
    try:
        only = next(iter(names)) if len(names) == 1 else ""
        for change in cluster.watch(kind, name=only, ended=ended):
            name = str(change.object["metadata"]["name"])
            if name in names:
                arriving.put((Target(kind, name), change))
    except Exception as error:  # noqa: BLE001 - the thread of the command raises it
        arriving.put(error)
