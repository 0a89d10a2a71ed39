"""Reports to the operator, from a thread of its own: the training never waits for one."""

import http.client
import logging
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from epochal_api.progress import Report

log = logging.getLogger(__name__)

INTERVAL = 5.0
"""Seconds between reports within an epoch."""
TIMEOUT = 3.0
"""Seconds that an operator has to take a report."""
LONGEST_DELAY = 15.0
LAST_CHANCE = 10.0
"""Seconds at the trainer's end for its last report."""
_GIVE_UP = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)


@dataclass(frozen=True)
class Endpoint:
    """Where reports go.

    Args:
        url: The address, https.
        ca_file: Certificates that vouch for the operator, PEM.
        token_file: The pod's token. The kubelet renews it, so it is read each time.
    """

    url: str
    ca_file: Path
    token_file: Path

    def post(self, body: str) -> None:
        """Sends a report.

        Raises:
            Undelivered: If it did not.
            OSError: If it could not be reached.
        """
        address = urlsplit(self.url)
        context = ssl.create_default_context(cafile=str(self.ca_file))
        connection = http.client.HTTPSConnection(address.netloc, timeout=TIMEOUT, context=context)
        headers = {
            "Authorization": f"Bearer {self.token_file.read_text(encoding='ascii').strip()}",
            "Content-Type": "application/json",
        }
        try:
            connection.request("POST", address.path, body=body, headers=headers)
            response = connection.getresponse()
            text = response.read(1000).decode(errors="replace").strip()
        finally:
            connection.close()
        if response.status != HTTPStatus.OK:
            raise Undelivered(response.status, text, response.headers.get("Retry-After"))


class Undelivered(Exception):
    """A report that the operator did not take.

    Args:
        status: HTTP status.
        text: What the operator said.
        retry_after: Its Retry-After header.
    """

    def __init__(self, status: int, text: str, retry_after: str | None) -> None:
        super().__init__(f"HTTP {status} {text}".strip())
        self.gives_up = status in _GIVE_UP
        self.delay = float(retry_after) if retry_after and retry_after.isdigit() else None


class Reporter:
    """Holds the latest state and sends it: at once when something happened, else every few seconds if it changed.

    As long as its attempt is not known, a state is sent only if it says what is waited for.

    Args:
        first: The state to begin with.
        endpoint: Where reports go; None where there is no operator.
        keep: Takes each state before it is sent. Called from the reporter's thread.
        memory: Gives the bytes of memory taken at the peak, if that is known. Called from the reporter's thread.
    """

    def __init__(
        self,
        first: Report,
        endpoint: Endpoint | None,
        *,
        keep: Callable[[Report], None] | None = None,
        memory: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.position: Callable[[], dict[str, Any]] = dict
        """Gives what changes from step to step, as fields of Report. Called from the reporter's thread."""
        self._state = first
        self._endpoint = endpoint
        self._keep = keep
        self._memory = memory
        self._refused = False
        self._sequence = 0
        self._delivered: Report | None = None
        self._changed = threading.Condition()
        self._urgent = False
        self._closing = False
        self._complained = False
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def start(self) -> None:
        """Begins to report."""
        if self._endpoint is not None:
            self._thread.start()

    def update(self, **changes: Any) -> None:
        """Takes news, to be sent at once.

        Args:
            **changes: Fields of Report.
        """
        with self._changed:
            self._state = self._state.model_copy(update=changes)
            self._urgent = True
            self._changed.notify()

    def close(self, seconds: float = LAST_CHANCE) -> Report:
        """Sends the last state, or gives up after some seconds.

        Args:
            seconds: How long to try.

        Returns:
            The last state.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(seconds)
        return self._next()

    def _next(self) -> Report:
        """Returns the state as it is now, with a number of its own if it is not the one delivered last."""
        with self._changed:
            self._urgent = False
            now = {**self.position(), "peak_memory": self._memory(), "sequence": self._sequence}
            report = self._state.model_copy(update=now)
            if report == self._delivered:
                return report
            self._sequence += 1
            return report.model_copy(update={"sequence": self._sequence})

    def _run(self) -> None:
        assert self._endpoint is not None  # noqa: S101 - the thread runs only where there is one
        delay = 0.0
        end = float("inf")
        while True:
            report = self._next()
            if self._keep is not None:
                self._keep(report)
            if report != self._delivered and (report.attempt or report.waiting) and not self._refused:
                try:
                    self._endpoint.post(report.model_dump_json(exclude_none=True))
                except Undelivered as error:
                    delay = 0.0 if error.gives_up else error.delay or self._failed(error, delay)
                    if error.gives_up:
                        self._give_up(report, error)
                except (OSError, http.client.HTTPException, ValueError) as error:
                    delay = self._failed(error, delay)
                else:
                    self._delivered, delay = report, 0.0
                    self._succeeded()
            if self._closing:
                end = min(end, time.monotonic() + LAST_CHANCE)
                if (not delay and not self._urgent) or time.monotonic() + delay > end:
                    return
                time.sleep(delay)
            else:
                self._wait(delay)

    def _wait(self, delay: float) -> None:
        """Waits for the next report: after a failure for `delay` seconds, else for news, at most INTERVAL."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or (self._urgent and not delay), delay or INTERVAL)

    def _give_up(self, report: Report, error: Undelivered) -> None:
        self._delivered = report
        if report.attempt:  # An older operator refuses those without, and takes the others.
            self._refused = True
            log.warning("The operator refuses progress reports: %s. Training goes on without.", error)

    def _failed(self, error: Exception, delay: float) -> float:
        if not self._complained:
            log.warning(
                "Progress reports do not reach the operator (%s). Training goes on, and so do the tries.", error
            )
            self._complained = True
        return min(2 * delay or 1.0, LONGEST_DELAY)

    def _succeeded(self) -> None:
        if self._complained:
            log.info("Progress reports reach the operator again.")
            self._complained = False
