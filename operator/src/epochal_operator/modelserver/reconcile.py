"""Reconcile: read a ModelServer and what it owns, plan, apply, and again until nothing is left to do."""

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
from epochal_operator.runtime.corrections import Corrections
from epochal_operator.runtime.errors import AdmissionFailed, Conflict, NotFound
from epochal_operator.runtime.kind import Term
from epochal_operator.runtime.reader import UNREAD
from epochal_operator.runtime.resource import Key, Object, Resource, key_of
from epochal_operator.runtime.spec_text import whole
from epochal_operator.trainingjob.pod_template import Installation

ROUNDS = 16
"""More changes in a row than any ModelServer takes; what is left then waits a moment."""
CONFLICTS = 4
"""More than may be chance: somebody denies with this code, and the queue waits ever longer."""
MOMENT = 1.0


@dataclass(frozen=True)
class _Read:
    """A ModelServer, or why it cannot be read."""

    server: ModelServer | None
    fault: str = ""


class Reconciler:
    """Brings ModelServers and what they own to what they should be.

    Args:
        term: What it works with.
        installation: Returns what fills in where a spec says nothing.
        instance: Name of this process, for Events.
        clock: Returns the time, with a time zone.
        asker: Asks servers of their models.
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
        """Has nothing to do beside."""
        await asyncio.Event().wait()

    async def reconcile(self, key: Key) -> float | None:
        """Reconciles a ModelServer.

        Args:
            key: Its namespace and name.

        Returns:
            Seconds after which to do it again, or None.

        Raises:
            ApiError: If the API server does not do its part.
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
                # Somebody else holds a field of the status that should go: written again, it would stay again.
                return todo.look_again(failure)
        return MOMENT

    async def _apply(
        self, document: Object, actions: Iterable[Action], blocked: dict[Resource, StatusCause]
    ) -> AdmissionFailed | None:
        """Does steps until something is in the way, which is noted: what follows may have to wait for it.

        Returns:
            What is to be tried again once it is told, if a webhook has failed.
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
            steering = Steering.read(whole(document)["spec"])
            return observed, refuse(metadata, before, read.fault, observed, steering)
        return observed, plan(read.server, observed, self._installation())


def _read(document: Object) -> _Read:
    if fault := document.get(UNREAD):
        return _Read(None, str(fault))
    try:
        return _Read(parse(whole(document)))
    except InvalidModelServer as error:
        return _Read(None, str(error))
