"""Creates the objects of manifests in the cluster."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from epochal.client.cluster import Cluster
from epochal.client.failures import ApiError
from epochal.client.kinds import EPOCHAL_KINDS, Kind
from epochal.client.references import Found, reference
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

_KINDS: Mapping[str, Kind] = {kind.name: kind for kind in EPOCHAL_KINDS}


def submit(
    cluster: Cluster, documents: Sequence[Mapping[str, Any]], *, name: str | None = None, dry_run: bool = False
) -> Iterator[Found]:
    """Create objects in the cluster, and yield each object as the API server stored it.

    Args:
        cluster: The cluster. Its namespace is that of objects without a namespace.
        documents: TrainingJobs, Experiments and ModelServers as plain values.
        name: A name that replaces the name of the only object. Default: the name in the document.
        dry_run: Whether the API server only checks the objects.

    Raises:
        EpochalError: If the API server refuses an object. Earlier objects in the list are created then.
    """
    if name is not None and len(documents) != 1:
        raise EpochalError(
            f"--name is for a file with one object, found {len(documents)} objects.",
            "Omit --name, or write the objects into files of their own.",
            exit_code=ExitCode.USAGE,
        )
    for document in documents:
        kind = _KINDS[str(document["kind"])]
        wanted = deepcopy(dict(document))
        wanted.pop("status", None)  # a file that `kubectl get --output yaml` has written has one
        wanted["metadata"] = {**(wanted.get("metadata") or {}), **({"name": name} if name else {})}
        for field in ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink"):
            wanted["metadata"].pop(field, None)
        try:
            stored = cluster.create(kind, wanted, dry_run=dry_run)
        except ApiError as error:
            raise _explained(error, kind, wanted) from error
        yield Found(kind, str(stored["metadata"]["name"]), stored)


def _explained(error: ApiError, kind: Kind, document: Mapping[str, Any]) -> ApiError:
    if error.reason != "AlreadyExists":
        return error
    name = document["metadata"]["name"]
    return ApiError(
        f"{reference(kind, name)} exists already.",
        f"Choose another name with --name, or delete it with `epochal delete {kind.name.lower()}/{name}`: "
        "its results stay in the bucket.",
        exit_code=error.exit_code,
        status=error.status,
        reason=error.reason,
    )
