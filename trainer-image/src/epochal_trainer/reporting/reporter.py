"""Sends progress reports to the operator from a separate thread, so that the training does not wait for them."""

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
from epochal_api.trainingjob.status import StartStage

from epochal_trainer.reporting.answers import INTERVAL, Pause, ReportRejected, back_off, read_answer, requested_pause
from epochal_trainer.reporting.finish_request import FinishRequest

log = logging.getLogger(__name__)

TIMEOUT = 3.0
"""Timeout in seconds for the connection to the operator and for its response."""
REFUSED_DELAY = 60.0
"""Seconds between retries while the operator refuses reports. An upgraded operator may accept them."""
RESEND_SECONDS = 60.0
"""Seconds after which an unchanged state is sent again, because the operator's answer may have a new spec.finish."""
CLOSE_SECONDS = 10.0
"""Maximum seconds to send the last report, with retries, when the trainer ends."""


@dataclass(frozen=True)
class Endpoint:
    """The operator's HTTPS endpoint for reports.

    Args:
        url: The URL, with https.
        ca_file: PEM file with the CA certificates that verify the operator.
        token_file: File with the pod's token. It is read for each report, because the kubelet renews the token.
    """

    url: str
    ca_file: Path
    token_file: Path

    def post(self, body: str) -> str:
        """Send a report to the operator, and return the body of the response.

        Raises:
            ReportRejected: If the HTTP status is not 200.
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
            raise ReportRejected(response.status, text, response.headers.get("Retry-After"))
        return text


class Reporter:
    """Holds the latest state of the training, and sends it to the operator as reports.

    It sends the state at once after `send`, and every few seconds if other fields have changed. Until the attempt has a
    number, the state is sent only if it has the cause of a wait for the storage, or the stage of the start.

    Args:
        first: The initial state.
        endpoint: The operator's endpoint; None without an operator.
        on_report: Called with each state before it is sent, from the reporter's thread.
        memory: Returns the peak memory in bytes, or None if it is unknown. Called from the reporter's thread.
        finish: The value of spec.finish, which the reporter updates from each answer of the operator.
    """

    def __init__(
        self,
        first: Report,
        endpoint: Endpoint | None,
        *,
        on_report: Callable[[Report], None] | None = None,
        memory: Callable[[], int | None] = lambda: None,
        finish: FinishRequest | None = None,
    ) -> None:
        self.step_fields: Callable[[], dict[str, Any]] = dict
        """Returns the fields of Report that change with each step. Called from the reporter's thread."""
        self._state = first
        self._endpoint = endpoint
        self._on_report = on_report
        self._memory = memory
        self._finish = finish or FinishRequest()
        self._sequence = 0
        self._updates = 0
        self._answered = -1
        self._is_refused = False
        self._delivered: Report | None = None
        self._answered_at = -math.inf
        self._changed = threading.Condition()
        self._urgent = False
        self._closing = False
        self._has_warned = False
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def start(self) -> None:
        """Start the thread that sends reports, if there is an endpoint."""
        if self._endpoint is not None:
            self._thread.start()

    def send(self, **changes: Any) -> None:
        """Update fields of the state, and let the thread send the state at once."""
        with self._changed:
            self._state = self._state.model_copy(update=changes)
            self._updates += 1
            self._urgent = True
            self._changed.notify_all()

    def set_fields(self, **changes: Any) -> None:
        """Update fields of the state without a report of their own, because each report is a write of the status."""
        with self._changed:
            self._state = self._state.model_copy(update=changes)

    def set_start_stage(self, stage: StartStage) -> None:
        """Update the stage of the start, without a report of its own: most stages end before the next report."""
        self.set_fields(start_stage=stage)

    def clear_step_fields(self) -> None:
        """Leave the fields that change with each step out of all later reports."""
        self.step_fields = dict

    def wait_for_answer(self, seconds: float) -> None:
        """Wait until the operator has answered a report of the current state, so that spec.finish is up to date.

        The wait ends at once if the operator refuses reports.

        Args:
            seconds: Maximum duration of the wait, because the operator may be unreachable.
        """
        if not self._thread.is_alive():
            return
        with self._changed:
            updates = self._updates
            self._changed.wait_for(lambda: self._answered >= updates or self._is_refused, seconds)

    def close(self, seconds: float = CLOSE_SECONDS) -> Report:
        """Send the last state, with retries for at most `seconds`, end the thread, and return the last state."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(seconds)
        return self._take_report()

    def _take_report(self) -> Report:
        """Return the current state as a report, and clear `_urgent`. A changed report gets a new sequence number."""
        with self._changed:
            self._urgent = False
            now = {**self.step_fields(), "peak_memory": self._memory(), "sequence": self._sequence}
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
                urgent, updates, report = self._urgent, self._updates, self._take_report()
            if self._on_report is not None:
                self._on_report(report)
            if self._is_due(report):
                try:
                    response = self._endpoint.post(report.model_dump_json(exclude_none=True))
                except ReportRejected as error:
                    delay, pause = self._handle_rejection(report, error, delay, urgent=urgent)
                except (OSError, http.client.HTTPException, ValueError) as error:
                    delay = self._handle_failure(error, delay)
                    pause = Pause(delay, delay)
                else:
                    self._delivered, delay = report, 0.0
                    pause = requested_pause(response) or Pause(INTERVAL)
                    self._process_answer(response, updates)
                    if self._has_warned:
                        log.info("Progress reports reach the operator again.")
                        self._has_warned = False
            if self._closing:
                end = min(end, time.monotonic() + CLOSE_SECONDS)
                if (not delay and not self._urgent) or time.monotonic() + delay > end:
                    return
                time.sleep(delay)
            else:
                self._wait(pause)

    def _is_due(self, report: Report) -> bool:
        if report != self._delivered:
            return bool(report.attempt or report.waiting or report.start_stage)
        return bool(report.attempt) and not self._closing and time.monotonic() >= self._answered_at + RESEND_SECONDS

    def _process_answer(self, response: str, updates: int) -> None:
        """Process the operator's answer to a report. The report includes the first `updates` calls of `send`."""
        if (answer := read_answer(response)) is not None:
            self._finish.update(answer)
        with self._changed:
            self._answered_at, self._answered, self._is_refused = time.monotonic(), updates, False
            self._changed.notify_all()

    def _wait(self, pause: Pause) -> None:
        """Wait for `milestone_delay`, and then until a call of `send`, but at most until `step_delay` in total."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._closing, pause.milestone_delay):
                self._changed.wait_for(
                    lambda: self._closing or self._urgent, max(0.0, pause.step_delay - pause.milestone_delay)
                )

    def _handle_rejection(
        self, report: Report, error: ReportRejected, delay: float, *, urgent: bool
    ) -> tuple[float, Pause]:
        """Return the delays after a rejected report: until a retry while closing, and until the next report.

        If the report is `urgent`, it is sent again as soon as the operator allows.
        """
        if error.is_permanent:
            # An older operator refuses reports without an attempt, and accepts all others.
            if report.attempt:
                with self._changed:
                    self._is_refused = True
                    self._changed.notify_all()
                self._warn_once("The operator refuses progress reports (%s). The training continues.", error)
                return REFUSED_DELAY, Pause(REFUSED_DELAY, REFUSED_DELAY)
            self._delivered = report
            return 0.0, Pause(INTERVAL)
        if error.pause is not None:
            delay = error.pause.milestone_delay or back_off(delay)
            if not urgent:
                return delay, error.pause
            with self._changed:
                self._urgent = True  # Still an update: send it after `milestone_delay`.
            return delay, error.pause._replace(milestone_delay=delay)
        delay = self._handle_failure(error, delay)
        return delay, Pause(delay, delay)

    def _handle_failure(self, error: Exception, delay: float) -> float:
        self._warn_once("Cannot send progress reports to the operator (%s). The training and retries continue.", error)
        return back_off(delay)

    def _warn_once(self, message: str, error: Exception) -> None:
        if not self._has_warned:
            log.warning(message, error)
            self._has_warned = True
