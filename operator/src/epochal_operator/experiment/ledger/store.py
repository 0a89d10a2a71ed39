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

from epochal_operator.experiment.ledger.encoding import MAX_LEDGER_BYTES, InvalidLedger, LedgerFull
from epochal_operator.experiment.ledger.events import Event
from epochal_operator.experiment.ledger.stored import StoredLedger, append_events, experiment_ledger, parse_ledger
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.resources import EXPERIMENT_LEDGERS, EXPERIMENTS
from epochal_operator.runtime.api.bounded_reader import BoundedReader, Bounds
from epochal_operator.runtime.api.errors import REJECTIONS, Forbidden, NotFound
from epochal_operator.runtime.api.kube import LEADER_MANAGER, Kube
from epochal_operator.runtime.api.resource import Key, Object, key_of
from epochal_operator.runtime.owners import controller_owner, controller_uid

MAX_CACHE_BYTES = 12 * 1024**2
"""Maximum decompressed bytes of cached ledgers: 10 searches of 1,000 trials. Their objects take 2.6 times as much."""
_BOUNDS = Bounds(part_bytes=MAX_LEDGER_BYTES + 1024)
"""Bounds of an ExperimentLedger as JSON."""
_NO_OBJECT = "NotFound"
"""Reason in a 404 response for a missing object. Without the CRD, the 404 response has no reason."""


class LedgerRefused(Exception):
    """The ledger is full, or the API server refuses or changes its data; the message has the cause."""


class LedgerStore:
    """Reads and writes ledgers.

    Args:
        max_bytes: Maximum decompressed bytes of the cached ledgers. Other ledgers are read again when they are needed.
    """

    def __init__(self, kube: Kube, max_bytes: int = MAX_CACHE_BYTES) -> None:
        self._kube = kube.with_reader(BoundedReader(_BOUNDS))
        self._cache: LRUCache[Key, StoredLedger] = LRUCache(
            max_bytes, getsizeof=lambda ledger: ledger.sizes.decompressed
        )
        self._codec_lock = asyncio.Semaphore()

    async def read(self, experiment: Object) -> StoredLedger | StatusCause:
        """Return the ledger of an Experiment, empty if none is stored, or the cause if it cannot be read.

        Raises:
            ApiError: If a request to the API server fails.
        """
        key, uid = key_of(experiment), experiment["metadata"]["uid"]
        cached = self._cache.get(key)
        if cached is not None and cached.owner == uid:
            return cached
        try:
            ledger_object = await self._kube.get(EXPERIMENT_LEDGERS, *key)
        except NotFound as error:
            if error.reason != _NO_OBJECT:
                return StatusCause(Reason.LEDGER_UNAVAILABLE, _NOT_INSTALLED)
            # If another process creates a ledger now, the next write is a Conflict, and the ledger is read again.
            return self._cache_unless_newer(key, StoredLedger(owner=uid))
        except Forbidden as error:
            return StatusCause(Reason.LEDGER_UNAVAILABLE, _FORBIDDEN.format(error.message))
        if controller_uid(ledger_object) != uid:
            return _other_owner(key, ledger_object)
        return self._cache_unless_newer(key, await self._in_thread(lambda: parse_ledger(ledger_object)))

    async def append(self, experiment: Object, ledger: StoredLedger, events: Sequence[Event]) -> None:
        """Append events to the ledger of an Experiment, unless the stored ledger has changed since it was read.

        Raises:
            LedgerRefused: If the ledger is full, or the API server refuses it or stores other data.
            ApiError: If the ledger has changed (Conflict, NotFound), or a request to the API server fails.
        """
        key = key_of(experiment)
        try:
            new_ledger = await self._in_thread(lambda: append_events(ledger, events))
        except InvalidLedger as error:
            message = f"This write would make the ExperimentLedger {key.name} unreadable, a bug in Epochal"
            raise LedgerRefused(f"{message}: {error}.") from None
        except LedgerFull:
            raise LedgerRefused(_FULL.format(key.name)) from None
        self.forget(key)
        try:
            written = await self._write(experiment, new_ledger)
        except REJECTIONS as error:
            message = f"The API server refuses to store the ExperimentLedger {key.name}: {error.message}"
            raise LedgerRefused(message) from None
        if written.get("data") != new_ledger.text or controller_uid(written) != new_ledger.owner:
            raise LedgerRefused(_CHANGED.format(key.name))
        metadata = written["metadata"]
        self._cache_ledger(key, replace(new_ledger, uid=metadata["uid"], resource_version=metadata["resourceVersion"]))

    def forget(self, key: Key) -> None:
        """Remove the ledger of an Experiment from the cache, so that the next `read` requests the stored ledger."""
        self._cache.pop(key, None)

    async def _write(self, experiment: Object, ledger: StoredLedger) -> Object:
        if not ledger.uid:
            body = dict(experiment_ledger(experiment, ledger))
            return await self._kube.create(EXPERIMENT_LEDGERS, body, manager=LEADER_MANAGER)
        precondition = {"uid": ledger.uid, "resource_version": ledger.resource_version}
        patch = {"data": ledger.text}
        return await self._kube.patch(
            EXPERIMENT_LEDGERS, *key_of(experiment), patch, **precondition, manager=LEADER_MANAGER
        )

    async def _in_thread(self, work: Callable[[], StoredLedger]) -> StoredLedger:
        """Return a ledger that a thread compresses or decompresses. Only one such thread runs, to limit the memory."""
        async with self._codec_lock:
            return await asyncio.to_thread(work)

    def _cache_unless_newer(self, key: Key, ledger: StoredLedger) -> StoredLedger:
        cached = self._cache.get(key)
        if cached is None or cached.owner != ledger.owner:  # Else a reconcile has appended events in the meantime.
            self._cache_ledger(key, ledger)
        return ledger

    def _cache_ledger(self, key: Key, ledger: StoredLedger) -> None:
        with suppress(ValueError):  # The ledger is larger than the cache.
            self._cache[key] = ledger


def _other_owner(key: Key, ledger_object: Object) -> StatusCause:
    """Return why an Experiment cannot use the ExperimentLedger of its name, which another object owns."""
    owner = controller_owner(ledger_object, group=EXPERIMENTS.group, kind=EXPERIMENTS.kind)
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
    "The operator has no permission to read the ExperimentLedger: {} A cluster administrator must install the "
    "ClusterRole of this version of Epochal."
)
_FULL = "The ExperimentLedger {} is full, so it cannot store new events of TrainingJobs: create a new Experiment."
_CHANGED = (
    "The API server stores other values than Epochal has written to the ExperimentLedger {}. An admission webhook or "
    "policy changes data or metadata.ownerReferences, or the CRD is of another version: exempt "
    "experimentledgers.epochal.dev from the webhook or policy, or install the CRDs of this version."
)
_TAKEN = (
    "The ExperimentLedger {name} must have this Experiment as its controller in metadata.ownerReferences, found "
    "{found}: ask a cluster administrator to delete it, or create the Experiment under another name."
)
