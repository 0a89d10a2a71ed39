"""The recorder: Events are told before the status that they go with, or later if the API server takes none now."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from epochal_operator.runtime.errors import ALREADY_EXISTS, ApiError, Conflict, Unavailable
from epochal_operator.runtime.kube import Kube
from epochal_operator.runtime.queue import Queue
from epochal_operator.runtime.resource import EVENTS, Object

SECONDS = 3.0
"""How long an Event may take: a webhook may hang, and the status waits meanwhile."""
WORKERS = 4
"""How many Events are told again at once, each of another namespace: where they hang, the others go on."""
KEPT = 1000
KEPT_SECONDS = 3600.0
"""How long an Event is tried again: the API server itself keeps one for an hour."""

_log = logging.getLogger(__name__)


class _Name(NamedTuple):
    namespace: str
    name: str


class _Kept(NamedTuple):
    event: Object
    until: float


class Recorder:
    """Tells Events. What the API server cannot take now is told again beside all other work, later and later.

    Whoever tells one before the status is written loses none if it is killed in between: its name is a digest of what
    it tells, so that telling it again makes no second one. Only what is kept here is lost then, which the log tells.

    Args:
        kube: The API server.
        clock: Returns the time in seconds, of any origin.
    """

    def __init__(self, kube: Kube, clock: Callable[[], float] | None = None) -> None:
        self._kube = kube
        self._clock = clock or asyncio.get_running_loop().time
        self._kept: dict[_Name, _Kept] = {}
        self._queue: Queue[_Name] = Queue(self._again, group=lambda name: name.namespace)

    async def run(self) -> None:
        """Tells what was kept, until it is cancelled."""
        await self._queue.run(WORKERS, share=1)

    async def tell(self, event: Object) -> None:
        """Tells an Event, or keeps it for later.

        Args:
            event: The events.k8s.io/v1 Event.
        """
        name = _Name(event["metadata"]["namespace"], event["metadata"]["name"])
        # Where one waits, the next is not waited for: a namespace whose Events hang holds nothing else up.
        if any(kept.namespace == name.namespace for kept in self._kept):
            self._keep(name, event, "others of its namespace wait, too")
            return
        try:
            await self._send(event)
        except (Unavailable, Conflict) as error:  # A quota that has changed meanwhile is a Conflict.
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
            if error.reason != ALREADY_EXISTS:  # else it is the same Event, which stays
                raise
        except ApiError as error:  # What is forbidden, or has no namespace any more, stays so.
            _log.warning("an Event was refused: %s: %s", _words(event), error)


def _words(event: Object) -> str:
    about = event["regarding"]
    return f"{about['namespace']}/{about['name']}: {event['reason']}: {event['note']}"
