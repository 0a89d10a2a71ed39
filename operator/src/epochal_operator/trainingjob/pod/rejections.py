"""The causes for which a Job cannot create pods. The operator watches the Job's Events, which alone contain them."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from epochal_operator.runtime.api.errors import ApiError, Forbidden
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.resource import EVENTS
from epochal_operator.trainingjob.job.observed import PodRejection

Object = Mapping[str, Any]

SELECTOR = "regarding.kind=Job,reason=FailedCreate"
MAX_JOBS = 10_000
MAX_NOTE_LENGTH = 1024
"""Limit of the API server for an Event's note: https://pkg.go.dev/k8s.io/api/events/v1#Event."""
RETRY_SECONDS = 5.0
FORBIDDEN_SECONDS = 300.0
"""Retry interval in seconds without permission to watch Events. Only the causes of missing pods are unknown then."""

_log = logging.getLogger(__name__)


class PodRejections:
    """The latest rejection of a pod for each Job, up to a maximum number of Jobs.

    Beyond the maximum, the oldest entry of the namespace with the most entries is dropped, so no namespace displaces
    the entries of others.
    """

    def __init__(self) -> None:
        self._last: defaultdict[str, dict[str, PodRejection]] = defaultdict(dict)

    def add(self, event: Object) -> str | None:
        """Store a FailedCreate Event (events.k8s.io/v1). Return its Job's UID; None for an invalid or old Event."""
        regarding, note, time = event.get("regarding") or {}, event.get("note"), _last_event_time(event)
        namespace, uid = regarding.get("namespace"), regarding.get("uid")
        if not namespace or not uid or not note or time is None:
            return None
        if (known := self.get(namespace, uid)) and known.time > time:
            return None
        of_namespace = self._last[namespace]
        of_namespace.pop(uid, None)
        of_namespace[uid] = PodRejection(note[:MAX_NOTE_LENGTH], time)
        if sum(map(len, self._last.values())) > MAX_JOBS:
            largest = max(self._last, key=lambda name: len(self._last[name]))
            del self._last[largest][next(iter(self._last[largest]))]
            if not self._last[largest]:
                del self._last[largest]
        return str(uid)

    def get(self, namespace: str, job_uid: str) -> PodRejection | None:
        """Return the latest rejected creation of a Job's pod, or None."""
        return self._last.get(namespace, {}).get(job_uid)


async def watch_rejections(kube: Kube, namespace: str | None, handle: Callable[[Object], object]) -> None:
    """Watch the FailedCreate Events of Jobs until cancelled, and restart the watch after errors."""
    while True:
        seconds = RETRY_SECONDS
        try:
            async for event in kube.watch(EVENTS, namespace, fields=SELECTOR):
                handle(event)
        except Forbidden as error:
            _log.warning("cannot watch the Events of Jobs, so statuses lack the causes of missing pods: %s", error)
            seconds = FORBIDDEN_SECONDS
        except Exception as error:  # noqa: BLE001 - restart the watch after any error
            expected = isinstance(error, ApiError)
            _log.warning("restarting the watch of the Events of Jobs after an error: %s", error, exc_info=not expected)
        await asyncio.sleep(seconds)


def _last_event_time(event: Object) -> datetime | None:
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
