"""The Event recorder: creates Events before the status is written, and retries them after temporary errors."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable

from epochal_operator.runtime.api.errors import ALREADY_EXISTS, ApiError, Conflict, Unavailable
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.resource import EVENTS, Key, Object, key_of
from epochal_operator.runtime.queue import Queue

CREATE_SECONDS = 3.0
"""Timeout of an Event's creation in seconds: the status write waits for the creation, and a webhook may hang."""
WORKERS = 4
"""Maximum concurrent retries of Events, one per namespace, so that a request that hangs blocks no other namespace."""
MAX_QUEUED = 1000
RETRY_SECONDS = 3600.0
"""Seconds after which an Event is dropped instead of retried. The API server, too, keeps an Event for an hour."""

_log = logging.getLogger(__name__)


class Recorder:
    """Creates Events. Events that the API server cannot accept now are retried with backoff in the background.

    A caller that creates an Event before it writes the status loses no Event if it is killed in between. An Event's
    name is a digest of its content, so a repeated Event is not duplicated. If the process ends, only queued Events are
    lost; the log contains them.
    """

    def __init__(self, kube: Kube, clock: Callable[[], float] | None = None) -> None:
        self._kube = kube
        self._clock = clock or asyncio.get_running_loop().time
        self._queued: dict[Key, tuple[Object, float]] = {}  # with the time until which the Event is retried
        self._queue: Queue[Key] = Queue(self._retry, group=lambda key: key.namespace)

    async def run(self) -> None:
        """Retry the queued Events until cancelled."""
        await self._queue.run(WORKERS, share=1)

    async def create(self, event: Object) -> None:
        """Create an events.k8s.io/v1 Event, or queue it for a retry."""
        namespace = event["metadata"]["namespace"]
        # Queue the next Event at once if an earlier Event of its namespace hangs: the reconcile must continue.
        if any(key.namespace == namespace for key in self._queued):
            self._enqueue(event, "other Events of its namespace are queued")
            return
        try:
            await self._send(event)
        except (Unavailable, Conflict) as error:  # A quota that changed at the same time causes a Conflict.
            self._enqueue(event, error.message)

    def _enqueue(self, event: Object, cause: str) -> None:
        _log.warning("queued an Event for a retry: %s: %s", _summary(event), cause)
        key = key_of(event)
        if key not in self._queued and len(self._queued) >= MAX_QUEUED:
            ((busiest, _),) = Counter(queued.namespace for queued in self._queued).most_common(1)
            oldest = next(queued for queued in self._queued if queued.namespace == busiest)
            dropped, _ = self._queued.pop(oldest)
            _log.warning("dropped an Event: %d Events are queued: %s", MAX_QUEUED, _summary(dropped))
        self._queued.setdefault(key, (event, self._clock() + RETRY_SECONDS))
        self._queue.add(key)

    async def _retry(self, key: Key) -> None:
        if key not in self._queued:
            return
        event, deadline = self._queued[key]
        if self._clock() < deadline:
            await self._send(event)
        else:
            _log.warning("dropped an Event that could not be created for %.0f s: %s", RETRY_SECONDS, _summary(event))
        self._queued.pop(key, None)

    async def _send(self, event: Object) -> None:
        try:
            async with asyncio.timeout(CREATE_SECONDS):
                await self._kube.create(EVENTS, dict(event))
        except TimeoutError:
            message = f"no response of the API server to an Event within {CREATE_SECONDS:.0f} s"
            raise Unavailable(0, "Timeout", message) from None
        except Unavailable:
            raise
        except Conflict as error:
            if error.reason != ALREADY_EXISTS:  # otherwise the same Event exists already
                raise
        except ApiError as error:  # A forbidden Event, or one without its namespace, will not succeed later.
            _log.warning("the API server refuses an Event: %s: %s", _summary(event), error)


def _summary(event: Object) -> str:
    about = event["regarding"]
    return f"{about['namespace']}/{about['name']}: {event['reason']}: {event['note']}"
