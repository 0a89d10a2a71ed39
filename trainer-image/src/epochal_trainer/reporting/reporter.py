"""Reports to the operator from their own thread, so that the training never waits for the operator."""

import http.client
import logging
import math
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from epochal_api.trainingjob.report import Report

from epochal_trainer.reporting.answers import INTERVAL, Pause, Undelivered, asked_for, back_off, read_answer
from epochal_trainer.reporting.finish import Finish

log = logging.getLogger(__name__)

TIMEOUT = 3.0
"""Timeout in seconds for the operator to accept a report."""
REFUSED_DELAY = 60.0
"""Seconds between retries while the operator refuses reports. An upgrade may replace it with one that accepts them."""
ASK_AGAIN = 60.0
"""Seconds after which an unchanged state is sent again, because the answer may request an early finish."""
LAST_CHANCE = 10.0
"""Seconds for the last report when the trainer ends."""


@dataclass(frozen=True)
class Endpoint:
    """The operator's HTTPS endpoint for reports.

    Args:
        url: The address, https.
        ca_file: CA certificates to verify the operator with, PEM.
        token_file: The pod's token. The kubelet renews it, so it is read for each report.
    """

    url: str
    ca_file: Path
    token_file: Path

    def post(self, body: str) -> str:
        """Send a report to the operator.

        Returns:
            The body of the operator's response.

        Raises:
            Undelivered: If the operator did not accept the report.
            OSError: If the operator is unreachable.
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
            text = response.read(4096).decode(errors="replace").strip()
        finally:
            connection.close()
        if response.status != HTTPStatus.OK:
            raise Undelivered(response.status, text, response.headers.get("Retry-After"))
        return text


class Reporter:
    """Holds the latest state and sends it: at once after an update, and every few seconds if only steps changed.

    Until the attempt has a number, a state is sent only if it names the cause of a wait.

    Args:
        first: The initial state.
        endpoint: The operator's endpoint; None without an operator.
        keep: Called with each state before it is sent, from the reporter's thread.
        memory: Returns the peak memory in bytes, or None if it is unknown. Called from the reporter's thread.
        finish: Updated with the request to finish early in each answer.
    """

    def __init__(
        self,
        first: Report,
        endpoint: Endpoint | None,
        *,
        keep: Callable[[Report], None] | None = None,
        memory: Callable[[], int | None] = lambda: None,
        finish: Finish | None = None,
    ) -> None:
        self.position: Callable[[], dict[str, Any]] = dict
        """Returns the fields of Report that change with each step. Called from the reporter's thread."""
        self._state = first
        self._endpoint = endpoint
        self._keep = keep
        self._memory = memory
        self._finish = finish or Finish()
        self._sequence = 0
        self._updates = 0
        self._answered = -1
        self._delivered: Report | None = None
        self._asked_at = -math.inf
        self._changed = threading.Condition()
        self._urgent = False
        self._closing = False
        self._complained = False
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def start(self) -> None:
        """Start the thread, if there is an endpoint."""
        if self._endpoint is not None:
            self._thread.start()

    def update(self, **changes: Any) -> None:
        """Update the state, to be sent at once.

        Args:
            **changes: Fields of Report.
        """
        with self._changed:
            self._state = self._state.model_copy(update=changes)
            self._updates += 1
            self._urgent = True
            self._changed.notify_all()

    def settle(self, seconds: float) -> None:
        """Wait until the operator has answered the current state, so that its request to finish early has arrived.

        Args:
            seconds: Longest wait: a training must not wait for an operator that is unreachable.
        """
        if not self._thread.is_alive():
            return
        with self._changed:
            updates = self._updates
            self._changed.wait_for(lambda: self._answered >= updates, seconds)

    def close(self, seconds: float = LAST_CHANCE) -> Report:
        """Send the last state, with retries for a limited time.

        Args:
            seconds: How long to retry.

        Returns:
            The last state.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(seconds)
        return self._next()

    def _next(self) -> Report:
        """Return the current state, with a new sequence number unless it equals the last delivered report."""
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
        pause = Pause(INTERVAL)
        end = float("inf")
        while True:
            with self._changed:
                urgent, updates, report = self._urgent, self._updates, self._next()
            if self._keep is not None:
                self._keep(report)
            if self._is_due(report):
                try:
                    said = self._endpoint.post(report.model_dump_json(exclude_none=True))
                except Undelivered as error:
                    delay, pause = self._put_off(report, error, delay, urgent=urgent)
                except (OSError, http.client.HTTPException, ValueError) as error:
                    delay = self._failed(error, delay)
                    pause = Pause(delay, delay)
                else:
                    self._delivered, delay = report, 0.0
                    pause = asked_for(said) or Pause(INTERVAL)
                    self._take(said, updates)
                    self._succeeded()
            if self._closing:
                end = min(end, time.monotonic() + LAST_CHANCE)
                if (not delay and not self._urgent) or time.monotonic() + delay > end:
                    return
                time.sleep(delay)
            else:
                self._wait(pause)

    def _is_due(self, report: Report) -> bool:
        if report != self._delivered:
            return bool(report.attempt or report.waiting)
        return bool(report.attempt) and not self._closing and time.monotonic() >= self._asked_at + ASK_AGAIN

    def _take(self, said: str, updates: int) -> None:
        """Process the operator's answer to the state after the given number of updates."""
        if (answer := read_answer(said)) is not None:
            self._finish.tell(answer)
        with self._changed:
            self._asked_at, self._answered = time.monotonic(), updates
            self._changed.notify_all()

    def _wait(self, pause: Pause) -> None:
        """Wait for the next report: for `news` seconds in any case, then until an update or until `steps` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._closing, pause.news):
                self._changed.wait_for(lambda: self._closing or self._urgent, max(0.0, pause.steps - pause.news))

    def _put_off(self, report: Report, error: Undelivered, delay: float, *, urgent: bool) -> tuple[float, Pause]:
        """Return the delays after a report that failed: for a retry of the last report, and for the next report."""
        if error.refused:
            # An older operator refuses reports without an attempt, and accepts all others.
            if report.attempt:
                self._complain("The operator refuses progress reports (%s). Training goes on without.", error)
                return REFUSED_DELAY, Pause(REFUSED_DELAY, REFUSED_DELAY)
            self._delivered = report
            return 0.0, Pause(INTERVAL)
        if error.pause is not None:
            delay = error.pause.news or back_off(delay)
            if not urgent:
                return delay, error.pause
            with self._changed:
                self._urgent = True  # Still an update: send it after `news` seconds, and not after `steps`.
            return delay, error.pause._replace(news=delay)
        delay = self._failed(error, delay)
        return delay, Pause(delay, delay)

    def _failed(self, error: Exception, delay: float) -> float:
        self._complain("Progress reports do not reach the operator (%s). Training goes on, and so do the tries.", error)
        return back_off(delay)

    def _complain(self, message: str, error: Exception) -> None:
        if not self._complained:
            log.warning(message, error)
            self._complained = True

    def _succeeded(self) -> None:
        if self._complained:
            log.info("Progress reports reach the operator again.")
            self._complained = False
