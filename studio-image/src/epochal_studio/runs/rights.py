"""Finds the actions that a user may perform on a run, by SelfSubjectAccessReviews of the API server."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from epochal.client.cluster import Cluster
from epochal.client.failures import ApiError
from epochal.client.kinds import EXPERIMENTS, MODEL_SERVERS, PODS, SECRETS, TRAINING_JOBS, Kind

from epochal_studio.runs.layers import spec_of
from epochal_studio.runs.values import mapping, text
from epochal_studio.wire.runs import Permission


class _Right(NamedTuple):
    """A verb on a kind in Kubernetes RBAC, and the actions of Studio that need this right."""

    permissions: tuple[Permission, ...]
    verb: str
    kind: Kind
    name: str = ""
    subresource: str = ""


def permissions(cluster: Cluster, kind: Kind, found: dict[str, Any], namespace: str) -> list[Permission]:
    """Return the actions that a user may perform on a run. It sends at most six reviews, one after another.

    Args:
        cluster: The client of the cluster with the user's token.
        kind: Kind of the run.
        found: The object of the run.
        namespace: Namespace of the run.
    """

    def is_allowed(right: _Right) -> bool:
        try:
            return cluster.can(
                right.verb, right.kind, name=right.name, namespace=namespace, subresource=right.subresource
            )
        except ApiError:  # an API server without reviews for this user: a change then fails with its reason
            return False

    return list(_allowed(_rights(kind, found), is_allowed))


def _allowed(rights: Iterator[_Right], is_allowed: Callable[[_Right], bool]) -> Iterator[Permission]:
    for right in rights:
        if is_allowed(right):
            yield from right.permissions


def _rights(kind: Kind, found: dict[str, Any]) -> Iterator[_Right]:
    name = text(mapping(found.get("metadata")).get("name"))
    steering: tuple[Permission, ...] = ("suspend", "resume", "finish")
    if kind in {TRAINING_JOBS, EXPERIMENTS}:
        yield _Right(steering, "patch", kind, name)
    yield _Right(("clone",), "create", kind)
    yield _Right(("delete",), "delete", kind, name)
    if kind in {TRAINING_JOBS, EXPERIMENTS}:
        yield _Right(("deploy",), "create", MODEL_SERVERS)
    if kind == TRAINING_JOBS:
        yield _Right(("log",), "get", PODS, subresource="log")
    storage = mapping(spec_of(kind.name, mapping(found.get("spec"))).get("storage"))
    if secret := text(mapping(storage.get("secretRef")).get("name")):
        yield _Right(("storage",), "get", SECRETS, secret)
