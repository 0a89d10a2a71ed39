"""Why pods of Jobs cannot be created: a Job's status does not tell, only its Events do, which one watch follows."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from epochal_operator.runtime.errors import ApiError, Forbidden
from epochal_operator.runtime.kube import Kube
from epochal_operator.runtime.resource import EVENTS
from epochal_operator.trainingjob.children import Refused

Object = Mapping[str, Any]

SELECTOR = "regarding.kind=Job,reason=FailedCreate"
KEPT = 10_000
MAX_NOTE = 1024
"""What the API server itself takes as an Event's note: https://pkg.go.dev/k8s.io/api/events/v1#Event."""
RETRY_SECONDS = 5.0
FORBIDDEN_SECONDS = 300.0
"""How soon to ask again for leave to watch Events: without it, nothing but the reason for a missing pod is missing."""

_log = logging.getLogger(__name__)


class Refusals:
    """What Events have said last of the pods that Jobs cannot make, for the latest so many Jobs.

    Of more, the oldest of the namespace goes that has the most: no namespace pushes out what others have few of.
    """

    def __init__(self) -> None:
        self._last: defaultdict[str, dict[str, Refused]] = defaultdict(dict)

    def take(self, event: Object) -> str | None:
        """Takes an events.k8s.io/v1 Event with the reason FailedCreate.

        Returns:
            The uid of the Job that it tells of, or None if it tells nothing new.
        """
        about, note, at = event.get("regarding") or {}, event.get("note"), _last_told(event)
        namespace, uid = about.get("namespace"), about.get("uid")
        if not namespace or not uid or not note or at is None:
            return None
        if (known := self.of(namespace, uid)) and known.at > at:
            return None
        of_namespace = self._last[namespace]
        of_namespace.pop(uid, None)
        of_namespace[uid] = Refused(note[:MAX_NOTE], at)
        if sum(map(len, self._last.values())) > KEPT:
            most = max(self._last, key=lambda one: len(self._last[one]))
            del self._last[most][next(iter(self._last[most]))]
            if not self._last[most]:
                del self._last[most]
        return str(uid)

    def of(self, namespace: str, job_uid: str) -> Refused | None:
        """Returns why a Job's pod could not be created the last time, if anything is known."""
        return self._last.get(namespace, {}).get(job_uid)


async def watch_refusals(kube: Kube, namespace: str | None, take: Callable[[Object], object]) -> None:
    """Follows the Events of Jobs that cannot create a pod until it is cancelled, whatever becomes of the watch.

    Args:
        kube: The API server.
        namespace: The namespace; None for all.
        take: Takes each Event.
    """
    while True:
        seconds = RETRY_SECONDS
        try:
            async for event in kube.watch(EVENTS, namespace, fields=SELECTOR):
                take(event)
        except Forbidden as error:
            _log.warning("it stays unknown why pods of Jobs cannot be created: %s", error)
            seconds = FORBIDDEN_SECONDS
        except Exception as error:  # noqa: BLE001 - whatever ended the watch, it begins anew
            expected = isinstance(error, ApiError)
            _log.warning("the Events of Jobs are read anew: %s", error, exc_info=not expected)
        await asyncio.sleep(seconds)


def _last_told(event: Object) -> datetime | None:
    times = (
        (event.get("series") or {}).get("lastObservedTime"),
        event.get("deprecatedLastTimestamp"),
        event.get("eventTime"),
        event["metadata"].get("creationTimestamp"),
    )
    try:
        return datetime.fromisoformat(next(filter(None, times)))
    except (StopIteration, ValueError, TypeError):
        return None
