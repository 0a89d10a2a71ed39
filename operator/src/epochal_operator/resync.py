"""The resync: all objects are read anew, so that a change that no watch has told of is found."""

from epochal_operator.children import NAME_LABEL
from epochal_operator.kube import Kube
from epochal_operator.store import KINDS, Key, Store


async def resync(kube: Kube, store: Store, namespaces: tuple[str, ...]) -> set[Key]:
    """Reads all objects anew, in parts: never are all of them held twice.

    Args:
        kube: The API server.
        store: What the watches have told.
        namespaces: Namespaces that are served; none stands for all.

    Returns:
        The keys of the TrainingJobs that this tells anything new about.

    Raises:
        ApiError: If the API server gives no answer.
    """
    news: set[Key] = set()
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
                        news.add(key)
                    uids.add(thing["metadata"]["uid"])
            news |= store.keep(kind, uids, page.resource_version, namespace)
    return news
