"""Creates and changes TrainingJobs and Experiments. A save never overwrites the change of another user."""

from collections.abc import Mapping
from typing import Any

from epochal.client.cluster import Cluster
from epochal.client.failures import CONFLICT, NOT_FOUND, ApiError
from epochal.client.kinds import Kind

from epochal_studio.bodies import kind_of
from epochal_studio.problems import refuse
from epochal_studio.runs.changes import conflict, name_conflict
from epochal_studio.runs.document import as_yaml
from epochal_studio.runs.values import mapping
from epochal_studio.saving.added import added_fields
from epochal_studio.saving.document import changed, has_other_labels
from epochal_studio.saving.refusals import refusal_to_save
from epochal_studio.wire.common import RunKey
from epochal_studio.wire.documents import Saved, SaveRequest

Object = dict[str, Any]
_TRIES = 4
"""Maximum attempts of a change. The operator may write the status of the same object at the same time."""
_EXISTS = "AlreadyExists"


def save(cluster: Cluster, key: RunKey, document: Object, request: SaveRequest, warnings: list[str]) -> Saved:
    """Create or change an object, and return the stored object; for a dry run, the object that would be stored.

    Args:
        cluster: The client of the cluster with the user's token. It adds warnings of the API server to `warnings`.
        key: Kind, namespace and name of the object.
        document: The object to save.
        request: Has the version that the user has edited (None creates an object), and whether this is a dry run.
        warnings: List that receives the warnings of the API server.

    Raises:
        Refusal: If the object to create exists, the object to change is missing or another user has changed it, or the
            API server refuses it.
    """
    kind = kind_of(key)
    try:
        if request.resource_version is None:
            stored = _create(cluster, kind, key, document, dry_run=request.dry_run)
        else:
            stored = _change(cluster, key, document, request, warnings)
    except ApiError as error:
        if (refusal := refusal_to_save(error, kind)) is None:
            raise
        raise refusal from None
    is_new = request.dry_run and request.resource_version is None
    metadata = mapping(stored.get("metadata"))
    return Saved(
        key=key,
        resource_version=None if is_new else metadata.get("resourceVersion"),
        generation=0 if is_new else int(metadata.get("generation") or 0),
        uid="" if is_new else str(metadata.get("uid") or ""),
        yaml=as_yaml(stored),
        added=added_fields(key.kind, document, stored),
        warnings=list(dict.fromkeys(warnings)),
    )


def _create(cluster: Cluster, kind: Kind, key: RunKey, document: Object, *, dry_run: bool) -> Object:
    try:
        return cluster.create(kind, document, dry_run=dry_run)
    except ApiError as error:
        if error.status == CONFLICT and error.reason == _EXISTS:
            raise name_conflict(key) from None
        raise


def _change(cluster: Cluster, key: RunKey, document: Object, request: SaveRequest, warnings: list[str]) -> Object:
    kind = kind_of(key)
    for _ in range(_TRIES):
        stored = _stored(cluster, kind, key)
        metadata = mapping(stored.get("metadata"))
        is_same = metadata.get("resourceVersion") == request.resource_version
        seen = metadata if is_same else request.metadata.model_dump() if request.metadata else {}
        if not is_same and (not _has_seen_spec(metadata, request) or has_other_labels(stored, document, seen)):
            raise conflict(stored)
        warnings.clear()
        try:
            return cluster.replace(kind, changed(stored, document, seen), dry_run=request.dry_run)
        except ApiError as error:
            if error.status != CONFLICT:
                raise
    raise conflict(_stored(cluster, kind, key))


def _has_seen_spec(metadata: Mapping[str, Any], request: SaveRequest) -> bool:
    """Return whether the stored object, although newer, still has the UID and the spec that the user has edited.

    The spec is the same if the generation is the same.
    """
    found = (metadata.get("uid"), metadata.get("generation"))
    return None not in found and found == (request.uid, request.generation)


def _stored(cluster: Cluster, kind: Kind, key: RunKey) -> Object:
    try:
        return cluster.get(kind, key.name, key.namespace)
    except ApiError as error:
        if error.status != NOT_FOUND or not error.is_object_missing:
            raise
        raise refuse(
            404,
            "NotFound",
            f"There is no {key.kind} {key.name} in the namespace {key.namespace}: another user has deleted it, or you "
            "have changed its name.",
            "Save it as a new object.",
        ) from None
