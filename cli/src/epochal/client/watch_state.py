"""The state of a watch, without I/O: the tracked objects, and their changes.

`watching.Watch` uses it with a blocking connection, Studio with a non-blocking connection.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from epochal.client.failures import GONE, OVERLOADED, no_connection, refused


class Change(NamedTuple):
    """A change of an object.

    Args:
        type: ADDED, MODIFIED or DELETED. ADDED also for an object that existed before the watch began.
        object: The object after the change; for DELETED, its last state, or its metadata alone.
    """

    type: str
    object: dict[str, Any]


class _Trace(NamedTuple):
    """Metadata of a tracked object. They suffice to report its deletion after a gap, so no whole object is kept."""

    api_version: str
    kind: str
    namespace: str | None
    name: str
    uid: str | None
    version: str | None


class WatchState:
    """The objects that a watch tracks, and the resourceVersion from which its next request continues.

    Args:
        address: Address of the API server, for messages.
        action: The request in error messages, such as `watch TrainingJobs`.
        limit: Maximum number of tracked objects. The watch ignores further objects.

    Attributes:
        version: resourceVersion from which the next watch request continues; "" if the objects must be listed first.
        is_cut: Whether objects were ignored because of the limit, since the last list.
    """

    def __init__(self, address: str, action: str, limit: int = sys.maxsize) -> None:
        self._address = address
        self._action = action
        self._limit = limit
        self._tracked: dict[str, _Trace] = {}
        self.version = ""
        self.is_cut = False

    def query(self, seconds: float) -> dict[str, str | int]:
        """Return the query parameters of a watch request that the API server ends after `seconds`."""
        return {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self.version,
            "timeoutSeconds": round(seconds),
        }

    def listed(self, objects: Iterable[dict[str, Any]], version: str) -> list[Change]:
        """Return the changes from the tracked objects to the objects of a new list, and track the objects of the list.

        Args:
            objects: All objects of the list.
            version: The resourceVersion of the list.
        """
        listing = Listing(self._tracked, self._limit)
        return [*listing.page(objects), *self.end(listing, version)]

    def begin(self) -> "Listing":
        """Begin a new list: return a Listing, to which the caller passes each page, and which `end` then takes."""
        return Listing(self._tracked, self._limit)

    def end(self, listing: "Listing", version: str) -> list[Change]:
        """Return DELETED for each tracked object that a list lacks, and track the objects of the list from now on.

        Args:
            listing: The list, after its last page.
            version: The resourceVersion of the list.
        """
        gone = [trace for uid, trace in self._tracked.items() if uid not in listing.traces]
        self._tracked, self.version, self.is_cut = listing.traces, version, listing.is_cut
        return [Change("DELETED", _as_object(trace)) for trace in gone]

    def change(self, line: bytes, parse: Callable[[bytes], Any] = json.loads) -> Change | None:
        """Return the change in a line of a watch answer; None for a bookmark and for an object above the limit.

        Args:
            line: The line, in JSON.
            parse: Parses the JSON.

        Raises:
            ApiError: If the line is an error of the API server, such as an expired resourceVersion.
            EpochalError: If the line is incomplete, or not the JSON of a change.
        """
        try:
            event = parse(line)
            type_, found = event["type"], event["object"]
            version = found["metadata"]["resourceVersion"] if type_ != "ERROR" else ""
        except (ValueError, KeyError, TypeError, RecursionError):
            raise no_connection(self._address, "the answer to the watch was cut") from None
        if type_ == "ERROR":
            code = found.get("code") if isinstance(found, dict) else None
            status = code if code in OVERLOADED or code == GONE else 503
            raise refused(status, json.dumps(found).encode(), self._action)
        self.version = version
        if type_ == "BOOKMARK":
            return None
        uid = _uid(found)
        if type_ == "DELETED":
            return Change(type_, found) if self._tracked.pop(uid, None) or not self.is_cut else None
        if uid not in self._tracked and len(self._tracked) >= self._limit:
            self.is_cut = True
            return None
        self._tracked[uid] = _trace(found)
        return Change(type_, found)


class Listing:
    """The objects of a list that arrives in pages. The watch tracks them only after `WatchState.end`.

    Args:
        before: The objects that the watch tracked before the list.
        limit: Maximum number of objects.

    Attributes:
        traces: The metadata of the objects of the pages so far, by UID.
        is_cut: Whether objects were ignored because of the limit.
    """

    def __init__(self, before: Mapping[str, _Trace], limit: int) -> None:
        self._before = before
        self._limit = limit
        self.traces: dict[str, _Trace] = {}
        self.is_cut = False

    def page(self, objects: Iterable[dict[str, Any]]) -> Iterator[Change]:
        """Add a page. Yield ADDED for each new object, and MODIFIED for each object with a new resourceVersion."""
        for found in objects:
            if len(self.traces) >= self._limit:
                self.is_cut = True
                return
            uid = _uid(found)
            trace = self.traces[uid] = _trace(found)
            before = self._before.get(uid)
            if before is None:
                yield Change("ADDED", found)
            elif before.version != trace.version:
                yield Change("MODIFIED", found)


def _uid(found: Mapping[str, Any]) -> str:
    return str(found["metadata"].get("uid") or found["metadata"].get("name"))


def _trace(found: Mapping[str, Any]) -> _Trace:
    metadata = found["metadata"]
    # Thousands of objects share these texts.
    api_version, kind = (sys.intern(str(found.get(name) or "")) for name in ("apiVersion", "kind"))
    namespace = metadata.get("namespace")
    return _Trace(
        api_version,
        kind,
        sys.intern(namespace) if isinstance(namespace, str) else None,
        str(metadata.get("name")),
        metadata.get("uid"),
        metadata.get("resourceVersion"),
    )


def _as_object(trace: _Trace) -> dict[str, Any]:
    metadata = {
        "name": trace.name,
        "namespace": trace.namespace,
        "uid": trace.uid,
        "resourceVersion": trace.version,
    }
    return {"apiVersion": trace.api_version, "kind": trace.kind, "metadata": metadata}
