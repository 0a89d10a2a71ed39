"""The resync: all objects are read anew, so that a change that no watch has told of is found."""

import logging
from collections.abc import Callable

from epochal_operator.children import NAME_LABEL
from epochal_operator.kube import Forbidden, Kube
from epochal_operator.store import KINDS, Key, Store

_log = logging.getLogger(__name__)


async def resync(kube: Kube, store: Store, namespaces: tuple[str, ...], wanted: Callable[[Key], None]) -> None:
    """Reads all objects anew, in parts: never are all of them held twice.

    Args:
        kube: The API server.
        store: What the watches have told.
        namespaces: Namespaces that are served; none stands for all.
        wanted: Takes the keys of the TrainingJobs that this tells anything new about, even if it breaks off half-way:
            what is in the store by then is no news the next time.

    Raises:
        ApiError: If the API server gives no answer, or lets nobody read all namespaces.
    """
    if not namespaces:
        await _resync(kube, store, None, wanted)
    for namespace in namespaces:
        try:
            await _resync(kube, store, namespace, wanted)
        except Forbidden as error:  # One that is gone, or has withdrawn its leave, is no matter of the others.
            _log.warning("the namespace %s cannot be read: %s", namespace, error)


async def _resync(kube: Kube, store: Store, namespace: str | None, wanted: Callable[[Key], None]) -> None:
    lists = (
        kube.list_training_jobs(namespace),
        kube.list_jobs(NAME_LABEL, namespace),
        kube.list_pods(NAME_LABEL, namespace),
    )
    for kind, pages in zip(KINDS, lists, strict=True):
        uids: set[str] = set()
        async for page in pages:
            for thing in page.items:
                if (key := store.put(kind, thing)) is not None:
                    wanted(key)
                uids.add(thing["metadata"]["uid"])
        for key in store.keep(kind, uids, page.resource_version, namespace):
            wanted(key)
