"""The Event recorder: creates Events before the status is written, and retries them after temporary errors."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from epochal_operator.runtime.api.errors import ALREADY_EXISTS, ApiError, Conflict, Unavailable
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.resource import EVENTS, Object
from epochal_operator.runtime.queue import Queue

SECONDS = 3.0
"""Timeout of an Event's creation in seconds: a webhook may hang while the status write waits."""
WORKERS = 4
"""Concurrent retries of Events, each in another namespace, so that one that hangs does not block the others."""
KEPT = 1000
KEPT_SECONDS = 3600.0
"""Seconds for which an Event is retried: the API server itself keeps an Event for an hour."""

_log = logging.getLogger(__name__)


class _Name(NamedTuple):
    namespace: str
    name: str


class _Kept(NamedTuple):
    event: Object
    until: float


class Recorder:
    """Creates Events. Events that the API server cannot accept now are retried with backoff in the background.

    A caller that creates an Event before it writes the status loses no Event if it is killed in between. An Event's
    name is a digest of its content, so a repeated Event is not duplicated. Only queued Events are lost with the
    process; the log contains them.

    Args:
        kube: The API server.
        clock: Returns a monotonic time in seconds.
    """

    def __init__(self, kube: Kube, clock: Callable[[], float] | None = None) -> None:
        self._kube = kube
        self._clock = clock or asyncio.get_running_loop().time
        self._kept: dict[_Name, _Kept] = {}
        self._queue: Queue[_Name] = Queue(self._again, group=lambda name: name.namespace)

    async def run(self) -> None:
        """Retry the queued Events until cancelled."""
        await self._queue.run(WORKERS, share=1)

    async def tell(self, event: Object) -> None:
        """Create an Event, or queue it for a retry.

        Args:
            event: The events.k8s.io/v1 Event.
        """
        name = _Name(event["metadata"]["namespace"], event["metadata"]["name"])
        # Queue the next Event without a wait if an earlier one of its namespace hangs: the reconcile must go on.
        if any(kept.namespace == name.namespace for kept in self._kept):
            self._keep(name, event, "others of its namespace wait, too")
            return
        try:
            await self._send(event)
        except (Unavailable, Conflict) as error:  # A quota that changed at the same time causes a Conflict.
            self._keep(name, event, error.message)

    def _keep(self, name: _Name, event: Object, why: str) -> None:
        _log.warning("an Event waits to be told: %s: %s", _words(event), why)
        if name not in self._kept and len(self._kept) >= KEPT:
            ((most, _),) = Counter(kept.namespace for kept in self._kept).most_common(1)
            oldest = next(kept for kept in self._kept if kept.namespace == most)
            _log.warning("an Event is not told, since too many wait: %s", _words(self._kept.pop(oldest).event))
        self._kept.setdefault(name, _Kept(event, self._clock() + KEPT_SECONDS))
        self._queue.add(name)

    async def _again(self, name: _Name) -> None:
        if (kept := self._kept.get(name)) is None:
            return
        if self._clock() < kept.until:
            await self._send(kept.event)
        else:
            _log.warning("an Event is not told, since it was refused for too long: %s", _words(kept.event))
        self._kept.pop(name, None)

    async def _send(self, event: Object) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                await self._kube.create(EVENTS, dict(event))
        except TimeoutError:
            raise Unavailable(
                0, "Timeout", f"the API server gave no answer to an Event within {SECONDS:.0f} s"
            ) from None
        except Unavailable:
            raise
        except Conflict as error:
            if error.reason != ALREADY_EXISTS:  # the same Event already exists, and stays
                raise
        except ApiError as error:  # A forbidden Event, or one without its namespace, will not succeed later.
            _log.warning("an Event was refused: %s: %s", _words(event), error)


def _words(event: Object) -> str:
    about = event["regarding"]
    return f"{about['namespace']}/{about['name']}: {event['reason']}: {event['note']}"
