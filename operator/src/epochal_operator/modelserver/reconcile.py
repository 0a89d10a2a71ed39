"""Reconcile a ModelServer: read it and its owned objects, plan, and apply, until a plan has no actions."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from epochal_api.kind import Metadata
from epochal_api.modelserver import InvalidModelServer, ModelServer, parse
from epochal_api.modelserver_status import ModelServerStatus
from epochal_api.status import read_status

from epochal_operator.modelserver.actions import Action, Create, Plan
from epochal_operator.modelserver.apply import Applier, rejected
from epochal_operator.modelserver.observe import Observer
from epochal_operator.modelserver.observed import Observed
from epochal_operator.modelserver.plan import plan, refuse
from epochal_operator.modelserver.reasons import StatusCause
from epochal_operator.modelserver.resources import MODEL_SERVERS
from epochal_operator.modelserver.steering import Steering
from epochal_operator.modelserver.told import Asker
from epochal_operator.runtime.actions import ApplyStatus, EmitEvent
from epochal_operator.runtime.api.bounded_reader import UNREAD
from epochal_operator.runtime.api.errors import AdmissionFailed, Conflict, NotFound
from epochal_operator.runtime.api.resource import Key, Object, Resource, key_of
from epochal_operator.runtime.cache_transform import decompress_spec
from epochal_operator.runtime.corrections import Corrections
from epochal_operator.runtime.kind import Term
from epochal_operator.trainingjob.pod_template import Installation

ROUNDS = 16
"""Maximum number of plans in one reconcile, more than a ModelServer needs. The next reconcile follows after MOMENT."""
CONFLICTS = 4
"""Number of conflicts at which a reconcile fails. So many are no coincidence: an admission webhook may deny with this
code. The work queue then retries with backoff."""
MOMENT = 1.0


@dataclass(frozen=True)
class _Read:
    """A parsed ModelServer, or its validation error."""

    server: ModelServer | None
    fault: str = ""


class Reconciler:
    """Reconciles ModelServers and their owned objects with their specs.

    Args:
        term: The clients and the object store of one leader term.
        installation: Returns the settings with which Epochal was installed.
        instance: Name of this process, for Events.
        clock: Returns the current time, with a time zone.
        asker: Requests the metadata of models from their servers.
    """

    def __init__(
        self,
        term: Term,
        installation: Callable[[], Installation],
        *,
        instance: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        asker: Asker | None = None,
    ) -> None:
        self._store = term.store
        self._installation = installation
        self._corrections = Corrections()
        self._asker = asker or Asker(clock)
        self._observer = Observer(term.store, self._corrections, clock)
        self._applier = Applier(term, self._corrections, instance=instance, clock=clock)

    async def run(self) -> None:
        """Wait until cancelled: this kind has no background work."""
        await asyncio.Event().wait()

    async def reconcile(self, key: Key) -> float | None:
        """Reconcile a ModelServer with its spec.

        Args:
            key: Namespace and name of the ModelServer.

        Returns:
            Seconds until the next reconcile, or None.

        Raises:
            ApiError: If a request to the API server fails.
        """
        blocked, conflicts = dict[Resource, StatusCause](), 0
        failure: AdmissionFailed | None = None
        for _ in range(ROUNDS):
            document = self._store.get(MODEL_SERVERS, key)
            if document is None:
                self._corrections.forget(key)
                self._asker.forget(key)
                return None
            observed, todo = self._plan(document, blocked)
            if not todo.actions:
                known = read_status(ModelServerStatus, document.get("status")).model
                if await self._asker.ask(key, known, observed.current):
                    continue
                return todo.look_again(failure)
            try:
                failure = await self._apply(document, todo.actions, blocked) or failure
            except (Conflict, NotFound):
                conflicts += 1
                if conflicts == CONFLICTS:
                    raise
                await self._applier.refresh(key)
                continue
            told = all(isinstance(action, ApplyStatus | EmitEvent) for action in todo.actions)
            if told and self._store.get(MODEL_SERVERS, key) is document:
                # Another field manager owns a removed status field, so a second apply would not remove it.
                return todo.look_again(failure)
        return MOMENT

    async def _apply(
        self, document: Object, actions: Iterable[Action], blocked: dict[Resource, StatusCause]
    ) -> AdmissionFailed | None:
        """Apply actions until a cause blocks an owned object. The later actions may depend on this object.

        Returns:
            The webhook's error, which must be retried once the status reports it; None without such an error.
        """
        for action in actions:
            try:
                found = await self._applier.apply(document, action)
            except AdmissionFailed as error:
                if not isinstance(action, Create):
                    raise
                blocked[action.resource] = rejected(action.resource, error)
                return error
            if found:
                blocked |= found
                break
        return None

    def _plan(self, document: Object, blocked: dict[Resource, StatusCause]) -> tuple[Observed, Plan]:
        read = _read(document)
        observed = self._observer.observe(document, read.server, blocked)
        observed = replace(observed, told=self._asker.told(key_of(document)))
        if read.server is None:
            metadata = Metadata.model_validate(document["metadata"])
            before = read_status(ModelServerStatus, document.get("status"))
            steering = Steering.read(decompress_spec(document)["spec"])
            return observed, refuse(metadata, before, read.fault, observed, steering)
        return observed, plan(read.server, observed, self._installation())


def _read(document: Object) -> _Read:
    if fault := document.get(UNREAD):
        return _Read(None, str(fault))
    try:
        return _Read(parse(decompress_spec(document)))
    except InvalidModelServer as error:
        return _Read(None, str(error))
