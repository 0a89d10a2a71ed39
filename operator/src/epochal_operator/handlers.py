"""The watches: kopf tells of every TrainingJob, Job and pod, the store takes it, and the queue learns what to look at.

No handler changes anything or returns anything, so kopf writes neither annotations nor finalizers. Kopf runs all index
handlers of the first lists before any event handler: nobody decides on half of a picture.
"""

import logging
from collections.abc import Mapping
from functools import partial
from os import environ
from typing import Any

import kopf
from epochal_api.trainingjob import GROUP, PLURAL, VERSION

from epochal_operator.children import NAME_LABEL
from epochal_operator.queue import Queue
from epochal_operator.store import Key, Kind, Store

REQUEST_SECONDS = 30.0
STOP_SECONDS = 20.0

_RESOURCES: dict[Kind, tuple[str, str, str]] = {
    "TrainingJob": (GROUP, VERSION, PLURAL),
    "Job": ("batch", "v1", "jobs"),
    "Pod": ("", "v1", "pods"),
}


async def watch(store: Store, queue: Queue[Key], namespaces: tuple[str, ...]) -> None:
    """Watches until cancelled or told to stop by a signal.

    Args:
        store: Takes what is told.
        queue: Learns the keys of what has changed.
        namespaces: Namespaces to watch; none stands for all.

    Raises:
        Exception: Whatever ends a watch for good: start the process anew, which reads all again.
    """
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # below that, it tells of every event that was handled
    await kopf.operator(
        registry=_registry(store, queue),
        settings=_settings(),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
    )


def _registry(store: Store, queue: Queue[Key]) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login)
    for kind, resource in _RESOURCES.items():
        kopf.index(*resource, id=f"index-{kind}", registry=registry)(partial(_index, kind, store))
        kopf.on.event(*resource, id=f"event-{kind}", registry=registry)(partial(_event, kind, store, queue))
    return registry


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.networking.request_timeout = REQUEST_SECONDS
    settings.networking.connect_timeout = REQUEST_SECONDS / 3
    settings.networking.error_backoffs = (0.2, 0.5, 1, 2, 3, 5, 5, 5)
    settings.watching.chunk_size = 100  # a list of a thousand objects at once would take its memory for good
    settings.queueing.error_delays = (0.2, 1, 5)
    settings.queueing.idle_timeout = 1.0
    settings.process.ultimate_exiting_timeout = STOP_SECONDS
    for kind in ("Job", "Pod"):
        settings.watching.label_selectors[_RESOURCES[kind][2]] = NAME_LABEL
    return settings


async def _login(**arguments: Any) -> kopf.ConnectionInfo | None:
    if "KUBERNETES_SERVICE_HOST" in environ:
        return kopf.login_with_service_account(**arguments)
    return kopf.login_with_kubeconfig(**arguments)


async def _index(kind: Kind, store: Store, body: Mapping[str, Any], **_: Any) -> None:
    store.put(kind, dict(body))


async def _event(kind: Kind, store: Store, queue: Queue[Key], event: Mapping[str, Any], **_: Any) -> None:
    take = store.remove if event["type"] == "DELETED" else store.put
    if (key := take(kind, event["object"])) is not None:
        queue.add(key)
