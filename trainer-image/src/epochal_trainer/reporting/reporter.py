"""Reports to the operator, from a thread of its own: the training never waits for one."""

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

from epochal_api.report import Report

from epochal_trainer.reporting.answers import INTERVAL, Pause, Undelivered, asked_for, back_off, read_answer
from epochal_trainer.reporting.finish import Finish

log = logging.getLogger(__name__)

TIMEOUT = 3.0
"""Seconds that an operator has to take a report."""
REFUSED_DELAY = 60.0
"""Seconds between tries where the operator refuses reports: it may be replaced by one that takes them."""
ASK_AGAIN = 60.0
"""Seconds after which a state that has not changed is sent again: the answer says whether to finish."""
LAST_CHANCE = 10.0
"""Seconds at the trainer's end for its last report."""


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

    def post(self, body: str) -> str:
        """Sends a report.

        Returns:
            What the operator says.

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
            text = response.read(4096).decode(errors="replace").strip()
        finally:
            connection.close()
        if response.status != HTTPStatus.OK:
            raise Undelivered(response.status, text, response.headers.get("Retry-After"))
        return text


class Reporter:
    """Holds the latest state and sends it: at once when something happened, else every few seconds if it changed.

    As long as its attempt is not known, a state is sent only if it says what is waited for.

    Args:
        first: The state to begin with.
        endpoint: Where reports go; None where there is no operator.
        keep: Takes each state before it is sent. Called from the reporter's thread.
        memory: Gives the bytes of memory taken at the peak, if that is known. Called from the reporter's thread.
        finish: Takes whether to finish early, as each answer says.
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
        """Gives what changes from step to step, as fields of Report. Called from the reporter's thread."""
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
            self._updates += 1
            self._urgent = True
            self._changed.notify_all()

    def settle(self, seconds: float) -> None:
        """Waits until the operator has answered the state as it is now, and so has said what it asks for.

        Args:
            seconds: How long at most: no training waits for an operator that is away.
        """
        if not self._thread.is_alive():
            return
        with self._changed:
            updates = self._updates
            self._changed.wait_for(lambda: self._answered >= updates, seconds)

    def close(self, seconds: float = LAST_CHANCE) -> Report:
        """Sends the last state, or gives up after some seconds.

        Args:
            seconds: How long to try.

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
        """Takes what the operator has said to a state that so many updates had been made to."""
        if (answer := read_answer(said)) is not None:
            self._finish.tell(answer)
        with self._changed:
            self._asked_at, self._answered = time.monotonic(), updates
            self._changed.notify_all()

    def _wait(self, pause: Pause) -> None:
        """Waits for the next report: no news are sent before their time, and steps only at theirs."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._closing, pause.news):
                self._changed.wait_for(lambda: self._closing or self._urgent, max(0.0, pause.steps - pause.news))

    def _put_off(self, report: Report, error: Undelivered, delay: float, *, urgent: bool) -> tuple[float, Pause]:
        """Returns for how long an answer that is none delays the next report, and at least, if it is the last one."""
        if error.refused:
            # An older operator refuses those without an attempt, and takes the others.
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
                self._urgent = True  # They are news still, and do not wait until steps are told.
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
