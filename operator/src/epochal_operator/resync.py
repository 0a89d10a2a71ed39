"""The resync: all objects are read anew, so that a change that no watch has told of is found."""

from collections.abc import Callable

from epochal_operator.children import NAME_LABEL
from epochal_operator.kube import Kube
from epochal_operator.store import KINDS, Key, Store


async def resync(kube: Kube, store: Store, namespaces: tuple[str, ...], wanted: Callable[[Key], None]) -> None:
    """Reads all objects anew, in parts: never are all of them held twice.

    Args:
        kube: The API server.
        store: What the watches have told.
        namespaces: Namespaces that are served; none stands for all.
        wanted: Takes the keys of the TrainingJobs that this tells anything new about, even if it breaks off half-way:
            what is in the store by then is no news the next time.

    Raises:
        ApiError: If the API server gives no answer.
    """
    for namespace in namespaces or (None,):
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
