"""Resync: all objects are read anew from time to time, so that a change that no watch has told of is found."""

import logging

from epochal_operator.runtime.errors import Forbidden, NotFound
from epochal_operator.runtime.informer import Informer
from epochal_operator.runtime.kube import Kube
from epochal_operator.runtime.listing import list_source

_log = logging.getLogger(__name__)


async def resync(kube: Kube, informer: Informer, namespaces: tuple[str, ...]) -> None:
    """Reads all objects anew, in parts.

    Args:
        kube: The API server.
        informer: What takes them.
        namespaces: Namespaces that are served; none stands for all.

    Raises:
        ApiError: If the API server gives no answer, or lets nobody read all namespaces.
    """
    if not namespaces:
        await _resync(kube, informer, None)
    for namespace in namespaces:
        try:
            await _resync(kube, informer, namespace)
        except Forbidden as error:  # One that is gone, or has withdrawn its leave, is no matter of the others.
            _log.warning("the namespace %s cannot be read: %s", namespace, error)


async def _resync(kube: Kube, informer: Informer, namespace: str | None) -> None:
    for source in informer.sources:
        try:
            await list_source(kube, informer, source, namespace)
        except NotFound as error:  # or Gone: the rest of a list whose version is too old by now
            why = "the API server does not know them" if error.status == 404 else error  # noqa: PLR2004
            _log.warning("%ss cannot be listed: %s", source.resource.kind, why)
