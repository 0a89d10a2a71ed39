"""Resync: lists all objects periodically, to find changes that the watches missed."""

import logging

from epochal_operator.runtime.errors import Forbidden, NotFound
from epochal_operator.runtime.informer import Informer
from epochal_operator.runtime.kube import Kube
from epochal_operator.runtime.listing import list_source

_log = logging.getLogger(__name__)


async def resync(kube: Kube, informer: Informer, namespaces: tuple[str, ...]) -> None:
    """List all objects again into the informer.

    Args:
        kube: The API server.
        informer: Receives the objects.
        namespaces: Namespaces that the operator serves; empty for all namespaces.

    Raises:
        ApiError: If a request fails, except in a single namespace that forbids it.
    """
    if not namespaces:
        await _resync(kube, informer, None)
    for namespace in namespaces:
        try:
            await _resync(kube, informer, namespace)
        except Forbidden as error:  # A deleted namespace, or one without permission, must not stop the others.
            _log.warning("the namespace %s cannot be read: %s", namespace, error)


async def _resync(kube: Kube, informer: Informer, namespace: str | None) -> None:
    for source in informer.sources:
        try:
            await list_source(kube, informer, source, namespace)
        except NotFound as error:  # or 410 Gone: the version of a paged list has expired
            why = "the API server does not know them" if error.status == 404 else error  # noqa: PLR2004
            _log.warning("%ss cannot be listed: %s", source.resource.kind, why)
