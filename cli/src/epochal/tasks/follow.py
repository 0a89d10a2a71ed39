"""Watches TrainingJobs, Experiments and ModelServers, and shows their progress until they end."""

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
"""Seconds without a change after which a view updates the remaining time."""
WATCH_THREAD = "epochal-watch"
"""Name of each thread that watches the objects of one kind."""
NO_OPERATOR_SECONDS = 15.0
"""Seconds after which the user gets a hint about objects that still have no status."""


class Target(NamedTuple):
    """An object to watch, by its kind and name."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return reference(self.kind, self.name)


class View(Protocol):
    """The interface of a view, which shows the progress of objects to the user."""

    def show(self, target: Target, found: Mapping[str, Any], *, deleted: bool) -> None:
        """Show the user an object that has changed or was deleted.

        Args:
            target: Kind and name of the object.
            found: The object after the change; the last known object if it was deleted.
            deleted: Whether the object was deleted.
        """

    def tick(self) -> None:
        """Update the remaining time of the shown objects. It is called after TICK_SECONDS without a change."""


def follow(cluster: Cluster, found: Sequence[Found], view: View) -> ExitCode:
    """Show objects until all have ended, and return the exit code.

    The code is FAILED if an object failed, else NOT_FOUND if an object was deleted, else DONE. A ModelServer ends when
    it is Ready or has failed.

    Args:
        cluster: The cluster.
        found: The objects to show, as read from the cluster.
        view: Shows each change of the objects.
    """
    following = _Following(cluster, found, view)
    with closing(changes(cluster, [*following.uids])) as items:
        for item in items:
            if item is None:
                view.tick()
                following.find_deleted()
            else:
                following.handle_change(*item)
            if not following.uids:
                break
            following.hint()
    severity = (ExitCode.DONE, ExitCode.NOT_FOUND, ExitCode.FAILED).index
    return max(following.codes, key=severity, default=ExitCode.NOT_FOUND)


class _Following:
    """The objects that `follow` watches. An object counts as deleted if an object with another UID has its name.

    Attributes:
        uids: The UID of each object that has not ended yet.
        codes: The exit codes of the objects that have ended.
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

    def handle_change(self, target: Target, change: Change) -> None:
        """Show a change of an object, and record its exit code if it has ended or was deleted."""
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
        """End objects that were deleted before the watch started, because the watch reports no change of them."""
        for target in self._unseen & set(self.uids):
            try:
                self._cluster.get(target.kind, target.name)
            except ApiError as error:
                if not error.is_object_missing:
                    raise
                self._end_deleted(target)

    def hint(self) -> None:
        """Warn the user once if some objects have no status after NO_OPERATOR_SECONDS."""
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
    """Return FAILED or DONE for an object that has ended; None if it has not ended."""
    state = progress.state(found)
    if state == "Failed":
        return ExitCode.FAILED
    return ExitCode.DONE if state == ("Ready" if kind == MODEL_SERVERS else "Complete") else None


def changes(cluster: Cluster, targets: Sequence[Target]) -> Generator[tuple[Target, Change] | None, None, None]:
    """Watch objects of several kinds. Yield each change when it arrives, and None after TICK_SECONDS without a change.

    The watches end when the generator is closed, because the process of a notebook continues.
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
    """Watch the objects of one kind with a single watch, and put changes of objects with these names into a queue."""
    try:
        only = next(iter(names)) if len(names) == 1 else ""
        for change in cluster.watch(kind, name=only, ended=ended):
            name = str(change.object["metadata"]["name"])
            if name in names:
                arriving.put((Target(kind, name), change))
    except Exception as error:  # noqa: BLE001 - the thread of the command raises it
        arriving.put(error)
