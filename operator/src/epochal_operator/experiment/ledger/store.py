"""Reads and writes the ledgers of Experiments, each in an ExperimentLedger that only the operator may write.

The leader is the only writer, so it reads each ledger once from the API server and caches it. Each write names the
resourceVersion that was read. After a conflict the ledger is read again. Ledgers have no watch, because the operator
would receive each of its own writes, up to 200 KiB at a time.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from cachetools import LRUCache

from epochal_operator.experiment.ledger.encoding import MAX_TEXT, InvalidLedger
from epochal_operator.experiment.ledger.events import Event
from epochal_operator.experiment.ledger.stored import StoredLedger, experiment_ledger, extended, stored
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.resources import EXPERIMENT_LEDGERS, EXPERIMENTS
from epochal_operator.runtime.api.bounded_reader import BoundedReader, Bounds
from epochal_operator.runtime.api.errors import REFUSALS, Forbidden, NotFound
from epochal_operator.runtime.api.kube import LEADER_MANAGER, Kube
from epochal_operator.runtime.api.resource import Key, Object, key_of
from epochal_operator.runtime.owners import controller, controller_uid

MAX_REMEMBERED = 12 * 1024**2
"""Unpacked bytes of all ledgers in memory: 10 searches of 1,000 trials. As objects they take 2.6 times as much."""
_BOUNDS = Bounds(part_bytes=MAX_TEXT + 1024)
"""Bounds of an ExperimentLedger as JSON."""
_NO_OBJECT = "NotFound"
"""Reason of the API server's 404 for an object. For a resource that it does not serve, the 404 has no reason."""


class LedgerRefused(Exception):
    """The API server does not store a ledger; the message has the reason."""


class LedgerStore:
    """Reads and writes ledgers.

    Args:
        kube: The API server.
        most: Unpacked bytes of the ledgers that stay in memory; the others are read again when they are needed.
    """

    def __init__(self, kube: Kube, most: int = MAX_REMEMBERED) -> None:
        self._kube = kube.with_reader(BoundedReader(_BOUNDS))
        self._known: LRUCache[Key, StoredLedger] = LRUCache(most, getsizeof=lambda ledger: ledger.sizes.unpacked)
        self._one_at_a_time = asyncio.Semaphore()

    async def read(self, experiment: Object) -> StoredLedger | StatusCause:
        """Return the ledger of an Experiment, or the cause that it cannot be read.

        Args:
            experiment: The Experiment.

        Raises:
            ApiError: If a request to the API server fails.
        """
        key, uid = key_of(experiment), experiment["metadata"]["uid"]
        known = self._known.get(key)
        if known is not None and known.owner == uid:
            return known
        try:
            found = await self._kube.get(EXPERIMENT_LEDGERS, *key)
        except NotFound as error:
            if error.reason != _NO_OBJECT:
                return StatusCause(Reason.LEDGER_UNAVAILABLE, _NOT_INSTALLED)
            # If another process creates a ledger now, the next write is a Conflict, and the ledger is read again.
            return self._learn(key, StoredLedger(owner=uid))
        except Forbidden as error:
            return StatusCause(Reason.LEDGER_UNAVAILABLE, _FORBIDDEN.format(error.message))
        if controller_uid(found) != uid:
            return _other_owner(key, found)
        return self._learn(key, await self._in_thread(lambda: stored(found)))

    async def append(self, experiment: Object, ledger: StoredLedger, events: Sequence[Event]) -> None:
        """Append events to the ledger of an Experiment, unless the stored ledger has changed since it was read.

        Args:
            experiment: The Experiment.
            ledger: Its ledger as read.
            events: The events to append.

        Raises:
            LedgerRefused: If the ledger is full, or the API server refuses it or stores other data.
            ApiError: If the ledger has changed (Conflict, NotFound), or a request to the API server fails.
        """
        key = key_of(experiment)
        try:
            longer = await self._in_thread(lambda: extended(ledger, events))
        except InvalidLedger as error:
            message = f"The ExperimentLedger {key.name} could not be read again after this write, a fault of Epochal"
            raise LedgerRefused(f"{message}: an event {error}.") from None
        if longer.sizes.taken > MAX_TEXT:  # It could not be read again.
            raise LedgerRefused(_FULL.format(key.name))
        self.forget(key)
        try:
            written = await self._write(experiment, longer)
        except REFUSALS as error:
            message = f"The API server refuses to store the ExperimentLedger {key.name}: {error.message}"
            raise LedgerRefused(message) from None
        if written.get("data") != longer.text or controller_uid(written) != longer.owner:
            raise LedgerRefused(_CHANGED.format(key.name))
        metadata = written["metadata"]
        self._remember(key, replace(longer, uid=metadata["uid"], resource_version=metadata["resourceVersion"]))

    def forget(self, key: Key) -> None:
        """Remove the ledger of an Experiment from the cache, so that the next `read` requests it from the API server.

        Args:
            key: Namespace and name of the Experiment.
        """
        self._known.pop(key, None)

    async def _write(self, experiment: Object, ledger: StoredLedger) -> Object:
        if not ledger.uid:
            body = dict(experiment_ledger(experiment, ledger))
            return await self._kube.create(EXPERIMENT_LEDGERS, body, manager=LEADER_MANAGER)
        seen = {"uid": ledger.uid, "resource_version": ledger.resource_version}
        patch = {"data": ledger.text}
        return await self._kube.patch(EXPERIMENT_LEDGERS, *key_of(experiment), patch, **seen, manager=LEADER_MANAGER)

    async def _in_thread(self, work: Callable[[], StoredLedger]) -> StoredLedger:
        """Return a ledger that a thread compresses or decompresses, one at a time, since each takes memory and time."""
        async with self._one_at_a_time:
            return await asyncio.to_thread(work)

    def _learn(self, key: Key, ledger: StoredLedger) -> StoredLedger:
        known = self._known.get(key)
        if known is None or known.owner != ledger.owner:  # Else the Experiment itself has appended events meanwhile.
            self._remember(key, ledger)
        return ledger

    def _remember(self, key: Key, ledger: StoredLedger) -> None:
        with suppress(ValueError):  # The ledger is larger than the cache.
            self._known[key] = ledger


def _other_owner(key: Key, thing: Object) -> StatusCause:
    """Return the cause that the ExperimentLedger of this name belongs to another object."""
    owner = controller(thing, group=EXPERIMENTS.group, kind=EXPERIMENTS.kind)
    if owner is not None and owner.name == key.name:
        message = f"The ExperimentLedger {key.name} of an earlier Experiment of this name is being deleted."
        return StatusCause(Reason.CLEANUP, message)
    found = f"Experiment {owner.name}" if owner is not None else "no Experiment"
    return StatusCause(Reason.NAME_CONFLICT, _TAKEN.format(name=key.name, found=found))


_NOT_INSTALLED = (
    "The API server does not serve experimentledgers.epochal.dev, where the trials of an Experiment are recorded: "
    "a cluster administrator must install the CRDs of this version of Epochal."
)
_FORBIDDEN = (
    "The operator may not read its ExperimentLedger: {} A cluster administrator must install the ClusterRole of this "
    "version of Epochal."
)
_FULL = "The ExperimentLedger {} has no room for the events of its TrainingJobs: create a new Experiment."
_CHANGED = (
    "The API server stores another ledger than Epochal has written to the ExperimentLedger {}. An admission webhook "
    "or policy changes data or metadata.ownerReferences, or the CRD is of another version: exempt "
    "experimentledgers.epochal.dev from it, or install the CRDs of this version."
)
_TAKEN = (
    "The ExperimentLedger {name} must have this Experiment as its controller in metadata.ownerReferences, found "
    "{found}: have a cluster administrator delete it, or take another name for the Experiment."
)
