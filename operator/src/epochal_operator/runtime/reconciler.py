"""The reconcile loop of all kinds: read an object from the cache, plan, apply, until a plan has no actions."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, TypeVar

from epochal_operator.runtime.actions import (
    ApplyStatus,
    CreateChild,
    DeleteChild,
    DeleteSelf,
    EmitEvent,
    PatchChild,
    Plan,
    ReconcileState,
    ReplaceChild,
)
from epochal_operator.runtime.api.errors import AdmissionFailed, Conflict, NotFound
from epochal_operator.runtime.api.kube import LEADER_MANAGER
from epochal_operator.runtime.api.resource import Key, Object, Resource, key_of
from epochal_operator.runtime.children import Children
from epochal_operator.runtime.kind import ReconcileContext
from epochal_operator.runtime.owners import ChildReasons, OwnedType
from epochal_operator.runtime.reasons import StatusCause
from epochal_operator.runtime.writer import StaleObject, Writer

MAX_ROUNDS = 16
"""Maximum number of plans in one reconcile, more than any object needs."""
REQUEUE_SECONDS = 1.0
"""Seconds until the next reconcile after a reconcile with the maximum number of plans."""
MAX_CONFLICTS = 4
"""Number of conflicts at which a reconcile fails, so that the work queue retries with backoff. So many conflicts have
another cause than concurrent writes: an admission webhook may deny with this status."""

_log = logging.getLogger(__name__)

AnyState = TypeVar("AnyState", bound=ReconcileState)


class ObjectReconciler(ABC, Generic[AnyState]):
    """Reconciles the objects of a kind. Its subclass supplies the plan, and applies the actions that only the kind has.

    Attributes:
        resource: The resource of the kind.
        reasons: The reasons with which the kind reports blocked children.
        created: The types of the children. Each child has the same name as its owner.
        state_type: The class of the state that a reconcile passes from one plan to the next.
        shares_status: Whether other field managers change the status during a reconcile. If so, the status is applied
            to the latest cached version, otherwise only to the version from which the plan was made.
        children: The children of the objects.
        store: The cache of objects.
        writer: The writer of the kind.
    """

    resource: ClassVar[Resource]
    reasons: ClassVar[ChildReasons]
    created: ClassVar[tuple[OwnedType, ...]] = ()
    state_type: type[AnyState]
    shares_status: ClassVar[bool] = False

    def __init__(
        self,
        context: ReconcileContext,
        installation: Callable[[], Any],
        *,
        instance: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.context = context
        self.store = context.store
        self.installation = installation
        self.clock = clock
        self.writer = Writer(context, self.resource, instance, clock)
        self.children = Children(self.writer, self.created, self.reasons, clock, self.explain)

    def explain(self, message: str) -> str:
        """Return a message of the API server about a child in the terms of the kind; by default, the message itself."""
        return message

    async def run(self) -> None:
        """Run the background work of the kind until it is cancelled."""
        await asyncio.Event().wait()

    @abstractmethod
    async def plan(self, document: Object, state: AnyState) -> Plan[Any] | None:
        """Return the plan for a cached object; None if its state has changed meanwhile: `reconcile` plans again."""

    async def apply(self, document: Object, action: Any, state: AnyState) -> None:  # noqa: ARG002 - for subclasses
        """Apply an action that only this kind has, and store errors that block the object in `state`."""
        raise TypeError(f"a {self.resource.kind} has no action {action}")

    async def refresh(self, key: Key) -> None:
        """Read an object and its children again after a conflict: the watch has not reported a change yet."""
        await self.writer.refresh(self.resource, key, self.store.get(self.resource, key))
        await self.children.refresh(key)

    def forget(self, key: Key) -> None:
        """Remove the data about a deleted object from memory."""
        self.children.forget(key)

    async def reconcile(self, key: Key) -> float | None:
        """Bring an object and its children to their desired state; return the seconds to the next reconcile, or None.

        Raises:
            ApiError: If a request to the API server fails.
        """
        state, conflicts = self.state_type(), 0
        for _ in range(MAX_ROUNDS):
            document = self.store.get(self.resource, key)
            if document is None:
                self.forget(key)
                return None
            plan = await self.plan(document, state)
            if plan is None:
                continue
            if not plan.actions or (state.status_apply_had_no_effect and _writes_status_only(plan)):
                if state.failure is not None:
                    raise state.failure
                return plan.requeue_after
            try:
                await self._apply(document, plan, state)
            except (Conflict, NotFound) as error:
                conflicts += 1
                if conflicts == MAX_CONFLICTS:
                    raise
                if not isinstance(error, StaleObject):
                    await self.refresh(key)
                continue
            if state.yields:
                return 0
        return REQUEUE_SECONDS

    async def _apply(self, document: Object, plan: Plan[Any], state: AnyState) -> None:
        """Apply the actions of a plan, but none after a blocked creation of a child: they may depend on the child."""
        for action in plan.actions:
            if isinstance(action, CreateChild):
                if (cause := await self._create(document, action, state)) is not None:
                    state.blocked[action.resource] = cause
                    return
            else:
                await self._apply_action(document, action, state)
        has_status = any(isinstance(action, ApplyStatus) for action in plan.actions)
        if has_status and self.store.get(self.resource, key_of(document)) is document:
            # An apply without effect keeps the resourceVersion, so the cache keeps the same object. If another
            # field manager owns a status field that the apply omits, a second apply would not remove it either.
            state.status_apply_had_no_effect = True

    async def _apply_action(self, document: Object, action: Any, state: AnyState) -> None:
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
                _log.info("deleted: ttlSecondsAfterFinished has passed")
            case _:
                await self.apply(document, action, state)

    async def _create(self, document: Object, action: CreateChild, state: AnyState) -> StatusCause | None:
        try:
            return await self.children.create(document, action)
        except AdmissionFailed as error:
            state.failure = error
            return self.children.rejected(action.resource, error)

    async def _apply_status(self, document: Object, action: ApplyStatus[Any]) -> None:
        current, status = self.writer.current(document), action.status.dump()
        if not self.shares_status:
            current = document
        await self.writer.apply_status(current, status, action.manager or LEADER_MANAGER)
        state = status.get("state")
        if state is not None and state != (current.get("status") or {}).get("state"):
            _log.info("state is %s", state)


def _writes_status_only(plan: Plan[Any]) -> bool:
    has_status = any(isinstance(action, ApplyStatus) for action in plan.actions)
    return has_status and all(isinstance(action, ApplyStatus | EmitEvent) for action in plan.actions)
