"""Reconcile: read a TrainingJob and its children, plan, and apply, until the plan has no actions."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from epochal_api.kind import Metadata
from epochal_api.status import Status, read_status
from epochal_api.trainingjob import InvalidTrainingJob, parse

from epochal_operator.runtime.api.bounded_reader import UNREAD
from epochal_operator.runtime.api.errors import AdmissionFailed, Conflict, NotFound
from epochal_operator.runtime.api.resource import Key, Resource
from epochal_operator.runtime.cache_transform import decompress_spec
from epochal_operator.runtime.corrections import Corrections
from epochal_operator.runtime.kind import Term
from epochal_operator.trainingjob.actions import Action, Create, Plan, changes_child
from epochal_operator.trainingjob.apply import Applier, rejected
from epochal_operator.trainingjob.children import Observed
from epochal_operator.trainingjob.mutable import Mutable
from epochal_operator.trainingjob.observe import Observer
from epochal_operator.trainingjob.owned import CHILDREN, Child
from epochal_operator.trainingjob.plan import plan, refuse
from epochal_operator.trainingjob.pod_refusals import Refusals, watch_refusals
from epochal_operator.trainingjob.pod_template import Installation
from epochal_operator.trainingjob.reasons import StatusCause
from epochal_operator.trainingjob.resources import TRAINING_JOBS

Object = Mapping[str, Any]

ROUNDS = 8
"""More successive changes than any TrainingJob needs. Remaining changes wait a moment."""
RACES = 4
"""Conflicts over a new Job that may be temporary, as from a quota that changed at the same time. More are a denial."""
MOMENT = 1.0


def make_plan(document: Object, observed: Observed, installation: Installation) -> Plan:
    """Return the plan for a TrainingJob.

    Args:
        document: The TrainingJob as JSON.
        observed: The observed children.
        installation: Defaults for fields that the spec omits.
    """
    try:
        if fault := document.get(UNREAD):
            raise InvalidTrainingJob(str(fault))  # noqa: TRY301 - like the error of parse
        job = parse(document)
    except InvalidTrainingJob as error:
        metadata = Metadata.model_validate(document["metadata"])
        status = read_status(Status, document.get("status"))
        return refuse(metadata, status, str(error), observed, Mutable.read(document["spec"]))
    return plan(job, observed, installation)


class Reconciler:
    """Brings TrainingJobs and their children to their desired state.

    Args:
        term: The context of the reconciler.
        installation: Returns the defaults for fields that a spec omits.
        instance: Name of this process's pod, for Events.
        clock: Returns the time, with a time zone.
        children: The children of a TrainingJob.

    Attributes:
        refusals: The refused pods of Jobs, from Events.
    """

    def __init__(
        self,
        term: Term,
        installation: Callable[[], Installation],
        *,
        instance: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        children: tuple[Child, ...] = CHILDREN,
    ) -> None:
        self._term = term
        self._store = term.store
        self._installation = installation
        self.refusals = Refusals()
        corrections = Corrections()
        self._observer = Observer(term, children, self.refusals, corrections, clock)
        self._applier = Applier(term, children, corrections, instance, clock)

    async def run(self) -> None:
        """Watch the Events about pods that Jobs cannot create, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for namespace in self._term.namespaces or (None,):
                group.create_task(watch_refusals(self._term.kube, namespace, self._take_refusal))

    def _take_refusal(self, event: Object) -> None:
        """Enqueue a TrainingJob with a pod that cannot be created."""
        about = event.get("regarding") or {}
        key = Key(about.get("namespace", ""), about.get("name", ""))
        if self.refusals.take(event) is not None and self._store.get(TRAINING_JOBS, key) is not None:
            self._term.wake(key)

    async def reconcile(self, key: Key) -> float | None:
        """Bring a TrainingJob and its children to their desired state.

        Args:
            key: Key of the TrainingJob.

        Returns:
            Seconds until the next reconcile, or None.

        Raises:
            ApiError: If a request fails.
        """
        blocked, conflicts = dict[Resource, StatusCause](), 0
        failure: AdmissionFailed | None = None
        for _ in range(ROUNDS):
            document = self._store.get(TRAINING_JOBS, key)
            if document is None:
                self._applier.forget(key)
                return None
            observed = await self._observer.catch_up(document, self._observer.observe(key, document, blocked))
            if self._store.get(TRAINING_JOBS, key) is not document:
                continue  # The cache received a newer version.
            todo = make_plan(decompress_spec(document), observed, self._installation())
            if not todo.actions:
                return todo.look_again(failure)
            try:
                for action in todo.actions:
                    failure = await self._apply(key, action, document["metadata"], blocked) or failure
            except (Conflict, NotFound) as error:
                conflicts += 1
                if conflicts == ROUNDS:  # A denial with this code, not a race: retry with backoff.
                    raise
                if conflicts >= RACES and isinstance(action, Create):
                    blocked[action.resource] = rejected(action.resource, error)
                await self._applier.refresh(key)
                continue
            if self._store.get(TRAINING_JOBS, key) is document and not any(map(changes_child, todo.actions)):
                # Another field manager owns this status field, so a second apply would not remove it.
                return todo.look_again(failure)
        return MOMENT

    async def _apply(
        self, key: Key, action: Action, planned: Object, blocked: dict[Resource, StatusCause]
    ) -> AdmissionFailed | None:
        """Execute an action, and record the cause that blocks it.

        Returns:
            The error to raise after the status reports it, if an admission webhook failed; otherwise None.
        """
        try:
            blocked |= await self._applier.apply(key, action, planned)
        except AdmissionFailed as error:
            if not isinstance(action, Create):
                raise
            blocked[action.resource] = rejected(action.resource, error)
            return error
        return None
