"""The reconcile loop of all kinds: read an object from the cache, plan, apply, until a plan has no actions."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, TypeVar

from epochal_operator.runtime.actions import (
    ApplyStatus,
    Attempt,
    CreateChild,
    DeleteChild,
    DeleteSelf,
    EmitEvent,
    PatchChild,
    Plan,
    ReplaceChild,
)
from epochal_operator.runtime.api.errors import AdmissionFailed, Conflict, NotFound
from epochal_operator.runtime.api.kube import LEADER_MANAGER
from epochal_operator.runtime.api.resource import Key, Object, Resource, key_of
from epochal_operator.runtime.children import Children
from epochal_operator.runtime.kind import Term
from epochal_operator.runtime.owners import ChildReasons, Owned
from epochal_operator.runtime.reasons import StatusCause
from epochal_operator.runtime.writer import Outdated, Writer

ROUNDS = 16
"""Maximum number of plans in one reconcile, more than any object needs. The next reconcile follows after MOMENT."""
CONFLICTS = 4
"""Number of conflicts at which a reconcile fails. So many are no coincidence: an admission webhook may deny with this
code. The work queue then retries with backoff."""
MOMENT = 1.0

_log = logging.getLogger(__name__)


AnyAttempt = TypeVar("AnyAttempt", bound=Attempt)


class ObjectReconciler(ABC, Generic[AnyAttempt]):
    """Reconciles the objects of a kind. A kind supplies the plan, and applies the actions that it alone has.

    Args:
        term: The clients and the object store of one leader term.
        installation: Returns the settings with which Epochal was installed.
        instance: Name of this process, for Events.
        clock: Returns the current time, with a time zone.

    Attributes:
        resource: The resource of the kind.
        reasons: The reasons with which the kind reports blocked children.
        owned: The children that have the name of their owner.
        attempt: The type of the results of earlier rounds.
        shares_status: Whether other writers write fields of the status, which is then applied to the cached version.
        children: The children of the objects.
        store: The cache of objects.
        writer: The writer of the kind.
    """

    resource: ClassVar[Resource]
    reasons: ClassVar[ChildReasons]
    owned: ClassVar[tuple[Owned, ...]] = ()
    attempt: type[AnyAttempt]
    shares_status: ClassVar[bool] = False

    def __init__(
        self,
        term: Term,
        installation: Callable[[], Any],
        *,
        instance: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.term = term
        self.store = term.store
        self.installation = installation
        self.clock = clock
        self.writer = Writer(term, self.resource, instance, clock)
        self.children = Children(self.writer, self.owned, self.reasons, clock, self.explain)

    def explain(self, message: str) -> str:
        """Return a message of the API server about a child in the terms of the kind."""
        return message

    async def run(self) -> None:
        """Run the background work of the kind until it is cancelled."""
        await asyncio.Event().wait()

    @abstractmethod
    async def plan(self, document: Object, attempt: AnyAttempt) -> Plan[Any] | None:
        """Return the plan for an object, or None if the observed state has changed meanwhile.

        Args:
            document: The object, as cached.
            attempt: The results of the earlier rounds.
        """

    async def apply(self, document: Object, action: Any, attempt: AnyAttempt) -> None:  # noqa: ARG002 - for subclasses
        """Apply an action that only this kind has.

        Args:
            document: The object for which the action was planned, as cached.
            action: The action.
            attempt: Receives the errors that block the object.
        """
        raise TypeError(f"a {self.resource.kind} has no action {action}")

    async def refresh(self, key: Key) -> None:
        """Read an object and its children again after a conflict: the watch has not reported a change yet.

        Args:
            key: Namespace and name of the object.
        """
        await self.writer.refresh(self.resource, key, self.store.get(self.resource, key))
        await self.children.refresh(key)

    def forget(self, key: Key) -> None:
        """Forget the state of a deleted object.

        Args:
            key: Namespace and name of the object.
        """
        self.children.forget(key)

    async def reconcile(self, key: Key) -> float | None:
        """Bring an object and its children to their desired state.

        Args:
            key: Namespace and name of the object.

        Returns:
            Seconds until the next reconcile, or None.

        Raises:
            ApiError: If a request to the API server fails.
        """
        attempt, conflicts = self.attempt(), 0
        for _ in range(ROUNDS):
            document = self.store.get(self.resource, key)
            if document is None:
                self.forget(key)
                return None
            todo = await self.plan(document, attempt)
            if todo is None:
                continue
            if not todo.actions or (attempt.contested and _writes_status_only(todo)):
                if attempt.failure is not None:
                    raise attempt.failure
                return todo.requeue_after
            try:
                await self._apply(document, todo, attempt)
            except (Conflict, NotFound) as error:
                conflicts += 1
                if conflicts == CONFLICTS:
                    raise
                if not isinstance(error, Outdated):
                    await self.refresh(key)
                continue
            if attempt.yields:
                return 0
        return MOMENT

    async def _apply(self, document: Object, todo: Plan[Any], attempt: AnyAttempt) -> None:
        """Apply actions until a cause blocks the creation of a child: the later actions may depend on it."""
        for action in todo.actions:
            if isinstance(action, CreateChild):
                if (cause := await self._create(document, action, attempt)) is not None:
                    attempt.blocked[action.resource] = cause
                    return
            else:
                await self._apply_one(document, action, attempt)
        wrote = any(isinstance(action, ApplyStatus) for action in todo.actions)
        if wrote and self.store.get(self.resource, key_of(document)) is document:
            # Another field manager owns this status field, so a second apply would not remove it.
            attempt.contested = True

    async def _apply_one(self, document: Object, action: Any, attempt: AnyAttempt) -> None:
        match action:
            case PatchChild() | ReplaceChild():
                await self.children.change(document, action)
            case DeleteChild():
                if await self.children.delete(document, action) and action.event is not None:
                    await self.writer.emit(action.event, self.writer.current(document))
            case EmitEvent():
                await self.writer.emit(action.event, self.writer.current(document))
            case ApplyStatus():
                await self._apply_status(document, action)
            case DeleteSelf():
                await self.writer.delete(self.resource, self.writer.current(document))
                _log.info("deleted: its ttlSecondsAfterFinished is over")
            case _:
                await self.apply(document, action, attempt)

    async def _create(self, document: Object, action: CreateChild, attempt: AnyAttempt) -> StatusCause | None:
        try:
            return await self.children.create(document, action)
        except AdmissionFailed as error:
            attempt.failure = error
            return self.children.rejected(action.resource, error)

    async def _apply_status(self, document: Object, action: ApplyStatus[Any]) -> None:
        known, status = self.writer.current(document), action.status.dump()
        if not self.shares_status:
            known = document
        await self.writer.apply_status(known, status, action.manager or LEADER_MANAGER)
        state = status.get("state")
        if state is not None and state != (known.get("status") or {}).get("state"):
            _log.info("is %s", state)


def _writes_status_only(todo: Plan[Any]) -> bool:
    """Return whether a plan has only Events and a new status."""
    writes = any(isinstance(action, ApplyStatus) for action in todo.actions)
    return writes and all(isinstance(action, ApplyStatus | EmitEvent) for action in todo.actions)
