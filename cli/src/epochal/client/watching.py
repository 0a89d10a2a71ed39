"""Watches: the objects of a kind and their changes, with new requests after broken connections."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from epochal.client.failures import GONE, ApiError, refused
from epochal.client.lines import lines
from epochal.client.transport import Transport
from epochal.client.watch_state import Change, WatchState
from epochal.environment import Environment
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

MAX_LINE = 16 * 2**20
"""Maximum bytes of a line with one change."""
WATCH_SECONDS = 120
"""Seconds after which the API server ends a watch request, and the next request begins. This also ends a half-open
connection."""
GIVE_UP_SECONDS = 300
"""Seconds without a connection after which the watch ends with an error."""
_MAX_DELAY = 15


class Watch:
    """A watch of the objects of a kind.

    Args:
        transport: Sends the requests.
        environment: Waits before a retry, and prints a warning about a lost connection.
        list_all: Lists the objects: returns them, and the resourceVersion of the list.
        path: The URL path of the list.
        query: Label and field selectors.
        action: The request in error messages, such as `watch TrainingJobs`.
        seconds: Seconds after which the watch ends; None for no end.
        ended: An event that the caller sets to end the watch. It ends when its running request ends.
    """

    def __init__(
        self,
        transport: Transport,
        environment: Environment,
        *,
        list_all: Callable[[], tuple[list[dict[str, Any]], str]],
        path: str,
        query: Mapping[str, str],
        action: str,
        seconds: float | None,
        ended: threading.Event | None = None,
    ) -> None:
        self._transport = transport
        self._environment = environment
        self._list_all = list_all
        self._path = path
        self._query = query
        self._action = action
        self._end = None if seconds is None else time.monotonic() + seconds
        self._ended = ended or threading.Event()
        self._state = WatchState(transport.address, action)
        self._lost_since: float | None = None

    def changes(self) -> Iterator[Change]:
        """Yield ADDED for each existing object, and then each change.

        Raises:
            EpochalError: If the API server refuses the watch, does not answer the first request, or has not answered
                for five minutes.
        """
        yield from self._state.listed(*self._list_all())
        delay = 1
        while not self._is_over():
            began = time.monotonic()
            try:
                if not self._state.version:
                    yield from self._state.listed(*self._list_all())
                for change in self._stream():
                    self._lost_since, delay = None, 1
                    yield change
                self._lost_since = None
            except EpochalError as error:
                if self._is_over():
                    return
                self._retry_or_raise(error, began)
            if time.monotonic() - began < 1:
                self._environment.sleep(delay)
                delay = min(delay * 2, _MAX_DELAY)

    def _retry_or_raise(self, error: EpochalError, began: float) -> None:
        """Prepare the next request after an expired version or a short loss of connection; raise any other error.

        An API server that starts or loses its etcd answers with 500 for a moment.
        """
        status = error.status if isinstance(error, ApiError) else 0
        if status == GONE:
            self._state.version = ""
        elif error.exit_code != ExitCode.NO_CONNECTION and status < 500:  # noqa: PLR2004 - HTTP's errors of a server
            raise error
        elif self._lost_since is None:
            self._lost_since = began
            self._environment.warn(f"epochal: {error.message}; trying again")
        elif began - self._lost_since > GIVE_UP_SECONDS:
            raise error

    def _is_over(self) -> bool:
        return self._ended.is_set() or (self._end is not None and time.monotonic() >= self._end)

    def _stream(self) -> Iterator[Change]:
        left = WATCH_SECONDS if self._end is None else min(WATCH_SECONDS, max(1, self._end - time.monotonic()))
        query = {**self._query, **self._state.query(left)}
        with self._transport.open("GET", self._path, query, read_seconds=left + 15) as answer:
            if answer.status >= 400:  # noqa: PLR2004 - HTTP's errors
                raise refused(answer.status, answer.read(MAX_LINE), self._action)
            for line in lines(answer, MAX_LINE):
                change = self._state.change(line)
                if change is not None:
                    yield change
