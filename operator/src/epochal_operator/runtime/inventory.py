"""Lists: what all objects of a kind are, at one version. By what a list lacks, it tells of what is gone, too."""

import logging
from collections.abc import Callable

from epochal_operator.runtime.kube import Forbidden, Kube, Page
from epochal_operator.runtime.store import KINDS, Key, Kind, Store
from epochal_operator.trainingjob.job import NAME_LABEL

_log = logging.getLogger(__name__)


class Inventory:
    """What is known as a whole: TrainingJobs of which not all is known yet are not to be looked at.

    Args:
        store: What is known.
        wanted: Takes the keys of the TrainingJobs to look at.
    """

    def __init__(self, store: Store, wanted: Callable[[Key], None]) -> None:
        self.store = store
        self._wanted = wanted
        self._listed: dict[str | None, set[Kind]] = {}

    def want(self, key: Key) -> None:
        """Wants a TrainingJob looked at, of which something new is known, or once all is."""
        if self._whole(None) or self._whole(key.namespace):
            self._wanted(key)

    def want_all(self) -> None:
        """Wants all TrainingJobs looked at."""
        for key in self.store.training_job_keys():
            self.want(key)

    def ended(self, kind: Kind, namespace: str | None) -> None:
        """Learns that all objects of a kind are known, of a namespace or of all."""
        whole = self._whole(namespace)
        self._listed.setdefault(namespace, set()).add(kind)
        if not whole and self._whole(namespace):
            for key in self.store.training_job_keys():
                if namespace in {None, key.namespace}:
                    self._wanted(key)

    def _whole(self, namespace: str | None) -> bool:
        return self._listed.get(namespace, set()).issuperset(KINDS)


class Listing:
    """A list of all objects of a kind, which comes in pages.

    Args:
        inventory: Takes what it tells.
        kind: The kind.
        namespace: The namespace that they are all objects of; None for all namespaces.
    """

    def __init__(self, inventory: Inventory, kind: Kind, namespace: str | None) -> None:
        self._inventory = inventory
        self._kind: Kind = kind
        self._namespace = namespace
        self._uids: set[str] = set()

    def take(self, page: Page) -> None:
        """Takes a page. What is new counts even if no other page follows: later it is no news."""
        for thing in page.items:
            try:
                self._uids.add(thing["metadata"]["uid"])
                keys = self._inventory.store.put(self._kind, thing, listed_at=page.resource_version)
            except Exception:  # noqa: BLE001 - whatever is wrong with one object, it is no matter of the others
                _log.exception("a %s cannot be read: %s", self._kind, name_of(thing))
                continue
            for key in keys:
                self._inventory.want(key)

    def end(self, resource_version: str) -> None:
        """Takes what the list lacks as gone."""
        for key in self._inventory.store.keep(self._kind, self._uids, resource_version, self._namespace):
            self._inventory.want(key)
        self._inventory.ended(self._kind, self._namespace)


async def resync(kube: Kube, inventory: Inventory, namespaces: tuple[str, ...]) -> None:
    """Reads all objects anew, in parts, so that a change that no watch has told of is found.

    Args:
        kube: The API server.
        inventory: What is known.
        namespaces: Namespaces that are served; none stands for all.

    Raises:
        ApiError: If the API server gives no answer, or lets nobody read all namespaces.
    """
    if not namespaces:
        await _resync(kube, inventory, None)
    for namespace in namespaces:
        try:
            await _resync(kube, inventory, namespace)
        except Forbidden as error:  # One that is gone, or has withdrawn its leave, is no matter of the others.
            _log.warning("the namespace %s cannot be read: %s", namespace, error)


async def _resync(kube: Kube, inventory: Inventory, namespace: str | None) -> None:
    lists = (
        kube.list_training_jobs(namespace),
        kube.list_jobs(NAME_LABEL, namespace),
        kube.list_pods(NAME_LABEL, namespace),
    )
    for kind, pages in zip(KINDS, lists, strict=True):
        listing = Listing(inventory, kind, namespace)
        async for page in pages:
            listing.take(page)
            version = page.resource_version
            del page  # before the next one is read
        listing.end(version)


def name_of(thing: object) -> str:
    """Returns what to call an object of which nothing is sure."""
    metadata = thing.get("metadata") if isinstance(thing, dict) else None
    known = metadata if isinstance(metadata, dict) else {}
    return f"{known.get('namespace')}/{known.get('name')}"
