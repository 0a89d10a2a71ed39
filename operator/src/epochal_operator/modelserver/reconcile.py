"""The reconciler of ModelServers: reads a ModelServer and its owned objects, and plans."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property

from epochal_api.kind import Metadata
from epochal_api.modelserver.spec import InvalidModelServer, ModelServer, parse
from epochal_api.modelserver.status import ModelServerStatus
from epochal_api.read_status import read_status

from epochal_operator.modelserver.children import CHILDREN, DEPLOYMENT, OWNED_PODS, OWNED_REPLICA_SETS
from epochal_operator.modelserver.model_metadata import MetadataClient
from epochal_operator.modelserver.observed import Observed
from epochal_operator.modelserver.plan import Plan, invalid_plan, make_plan
from epochal_operator.modelserver.pods import owned_pods
from epochal_operator.modelserver.reasons import CHILD_REASONS, Reason, StatusCause
from epochal_operator.modelserver.resources import EXPERIMENTS, MODEL_SERVERS
from epochal_operator.modelserver.source import SourceLookup, resolve
from epochal_operator.pods.mutable_fields import MutableFields
from epochal_operator.runtime.actions import ReconcileState
from epochal_operator.runtime.api.bounded_reader import SPEC_OMITTED
from epochal_operator.runtime.api.resource import Key, Object, Resource, key_of
from epochal_operator.runtime.cache_transform import decompress_spec
from epochal_operator.runtime.owners import ObservedChild, OwnedType
from epochal_operator.runtime.reconciler import ObjectReconciler
from epochal_operator.trainingjob.interface import TRAINING_JOBS


class Reconciler(ObjectReconciler[ReconcileState]):
    """Makes the plans for ModelServers, by which the base class changes their owned objects and statuses."""

    resource, reasons, created, state_type = MODEL_SERVERS, CHILD_REASONS, CHILDREN, ReconcileState

    @cached_property
    def _metadata(self) -> MetadataClient:
        return MetadataClient(self.clock)

    async def plan(self, document: Object, state: ReconcileState) -> Plan | None:
        """Return the plan for a ModelServer, or None if a pod has just reported metadata: the caller plans again."""
        before = read_status(ModelServerStatus, document.get("status"))
        try:
            if fault := document.get(SPEC_OMITTED):
                raise InvalidModelServer(str(fault))  # noqa: TRY301 - like the error of parse
            server = parse(decompress_spec(document))
        except InvalidModelServer as error:
            observed = self._observe(document, None, state.blocked)
            metadata = Metadata.model_validate(document["metadata"])
            mutable = MutableFields.read(decompress_spec(document)["spec"])
            planned = invalid_plan(metadata, before, str(error), observed, mutable)
        else:
            observed = self._observe(document, server, state.blocked)
            planned = make_plan(server, observed, self.installation())
        # An older CRD stores no new status fields, so with it every plan has a status to apply.
        is_settled = not planned.actions or state.status_apply_had_no_effect
        if is_settled and await self._metadata.fetch(key_of(document), before.model, observed.current_pods):
            return None
        return planned

    def forget(self, key: Key) -> None:
        """Remove the data about a deleted ModelServer from memory."""
        super().forget(key)
        self._metadata.forget(key)

    def _observe(
        self, document: Object, server: ModelServer | None, blocked: Mapping[Resource, StatusCause]
    ) -> Observed:
        """Return the observed state of a ModelServer from the cache; `server` is None if its spec is invalid."""
        key, now, store = key_of(document), self.clock(), self.store

        def find(resource: Resource) -> Callable[[str], Object | None]:
            return lambda name: store.get(resource, Key(key.namespace, name))

        source = resolve(server.spec.source, SourceLookup(find(TRAINING_JOBS), find(EXPERIMENTS))) if server else None
        children = tuple(self._observe_child(document, child, blocked.get(child.resource), now) for child in CHILDREN)
        deployment = next(child.child for child in children if child.type is DEPLOYMENT)
        sets, pods = store.find(OWNED_REPLICA_SETS, key).values(), store.find(OWNED_PODS, key).values()
        return Observed(now, source, children, owned_pods(deployment, sets, pods), self._metadata.cached(key))

    def _observe_child(
        self, document: Object, child: OwnedType, blocked: StatusCause | None, now: datetime
    ) -> ObservedChild:
        seen = self.children.observe(document, child, blocked, now)
        if seen.child is None or not seen.child["metadata"].get("deletionTimestamp"):
            return seen
        message = f"The {child.resource.kind} is being deleted. The operator creates it again after the deletion."
        return replace(seen, blocked=StatusCause(Reason.CLEANUP, message), blocked_until=None, backoff_end=None)
