"""Admission control: limits the number of waiting requests, and the memory of all requests and their answers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from epochal_server.refusals import Busy, TooLarge

REFUSAL_DELAY_SECONDS = 0.05
"""Seconds before a client receives a refusal because of too much load. Many refused clients retry at once. Without the
delay, their refusals would take the CPU time that the waiting requests need."""
MAX_QUEUE_SECONDS = 20.0
"""Maximum estimated seconds until the waiting requests are answered. While the estimate is higher, new requests are
refused. The grace period of a server that shuts down is only a little longer, and no client waits forever."""
SLOW_CLIENT_SECONDS = 2.0
"""Time that a client may take to send its request, or to read its answer. After it, the client's memory may be freed
for other requests."""


class AdmissionControl:
    """Refuses a request if too many requests are waiting, or if memory is full of requests and answers.

    Attributes:
        waiting: Number of requests that wait for the model or for a thread, or are being computed.
        planned: Number of photographs of admitted forms that are not queued yet.
        estimates: Each returns the estimated seconds of one queue. A waiting request is in one of them.
        extra_estimates: Each returns the estimated seconds that a form or large request waits longer in one queue than
            other requests: for parts of admitted requests that are not queued yet.
    """

    def __init__(self, max_requests: int, max_bytes: int) -> None:
        self._max_requests = max_requests
        self.max_bytes = max_bytes
        self._bytes = 0
        self._watched: dict[MemoryReservation, tuple[float, Callable[[], None]]] = {}
        self.waiting = 0
        self.planned = 0
        self.estimates: list[Callable[[], float]] = []
        self.extra_estimates: list[Callable[[], float]] = []

    def estimate(self) -> float:
        """Return the estimated seconds until all waiting requests are answered."""
        return sum(seconds() for seconds in self.estimates)

    def extra_seconds(self) -> float:
        """Return the estimated seconds that a form or large request waits longer than other requests."""
        return sum(seconds() for seconds in self.extra_estimates)

    def admit(self, more_seconds: float = 0.0) -> None:
        """Check that the server can accept one more waiting request. This call does not change `waiting`.

        Args:
            more_seconds: Seconds beyond the estimate that this request would wait.

        Raises:
            Busy: If the maximum number of requests is waiting, or they need more than MAX_QUEUE_SECONDS.
        """
        if self.waiting >= self._max_requests:
            raise Busy(
                f"queue is full: {self.waiting:,} requests are waiting (`limits.queuedRequests`): try again later, or "
                "raise spec.replicas or spec.limits.queuedRequests of the ModelServer",
                self.estimate(),
            )
        if self.waiting and (seconds := self.estimate() + more_seconds) > MAX_QUEUE_SECONDS:
            raise Busy(
                f"queue is too slow: {self.waiting:,} waiting requests take about {seconds:.0f} s, expected at most "
                f"{MAX_QUEUE_SECONDS:.0f} s: try again later, or raise spec.replicas or spec.resources.limits.cpu of "
                "the ModelServer",
                seconds,
            )

    def reserve(self, size: int, reservation: "MemoryReservation | None" = None) -> None:
        """Reserve `size` bytes of the memory for requests and answers, until `release` frees them.

        If memory is full, the reservations of slow clients are freed first, except `reservation`.

        Raises:
            Busy: If there is not enough free memory even then.
        """
        if self._bytes + size > self.max_bytes:
            self._free_slow(size, reservation)
        if self._bytes + size > self.max_bytes:
            raise Busy(
                f"memory is full: requests and answers take {self._bytes:,} of {self.max_bytes:,} bytes, and this "
                f"request needs {size:,} more: try again later, or raise spec.resources.limits.memory or spec.replicas "
                "of the ModelServer",
                self.estimate(),
            )
        self._bytes += size

    def release(self, size: int) -> None:
        """Free bytes that `reserve` reserved. A negative size reserves bytes, even above the limit of memory."""
        self._bytes -= size

    @contextmanager
    def waiting_for_client(self, reservation: "MemoryReservation", abort: Callable[[], None]) -> Iterator[None]:
        """Mark a reservation as waiting for its client to send or read data, until the end of the `with` block.

        If the memory is full for another request after SLOW_CLIENT_SECONDS, `reserve` frees this reservation and calls
        `abort`.
        """
        self.watch_client(reservation, abort)
        try:
            yield
        finally:
            self.unwatch_client(reservation)

    def watch_client(self, reservation: "MemoryReservation", abort: Callable[[], None]) -> None:
        """Mark a reservation as waiting for its client to send or read data, until `unwatch_client`."""
        self._watched[reservation] = monotonic(), abort

    def unwatch_client(self, reservation: "MemoryReservation") -> None:
        """Mark a reservation as no longer waiting for its client, so that no other request can free it."""
        self._watched.pop(reservation, None)

    def _free_slow(self, size: int, reservation: "MemoryReservation | None") -> None:
        """Free reservations that have waited SLOW_CLIENT_SECONDS for their clients, until `size` more bytes fit.

        The reservations that were marked first are freed first. `reservation` itself is not freed.
        """
        latest = monotonic() - SLOW_CLIENT_SECONDS
        watched = [other for other, (since, _) in self._watched.items() if since < latest and other is not reservation]
        for slow in filter(lambda other: other.size, watched):
            if self._bytes + size <= self.max_bytes:
                return
            _, abort = self._watched.pop(slow)
            slow.was_freed = True
            slow.free()
            abort()


class MemoryReservation:
    """The bytes that one request has reserved, with its answer, in the memory for all requests and answers.

    Attributes:
        size: Number of reserved bytes.
        was_freed: Whether the reservation was freed for other requests, because the client was slow.
    """

    __slots__ = ("_admission", "_answer", "size", "was_freed")

    def __init__(self, admission: AdmissionControl) -> None:
        self._admission = admission
        self._answer = 0
        self.size = 0
        self.was_freed = False

    def take(self, size: int) -> None:
        """Add `size` bytes to the reservation.

        Raises:
            Busy: If there is not enough free memory. See AdmissionControl.reserve.
        """
        if size:  # a request that needs no more bytes is not refused
            self._admission.reserve(size, self)
            self.size += size

    def add_answer(self, size: int) -> None:
        """Reserve memory for an answer of `size` bytes: first the predicted size, and later the actual size.

        A later call reserves only the bytes by which `size` exceeds the size of earlier calls.

        Raises:
            TooLarge: If request and answer together exceed the whole memory for requests and answers.
            Busy: If there is not enough free memory now.
        """
        request = self.size - self._answer
        if request + size > (max_bytes := self._admission.max_bytes):  # a retry cannot help
            raise TooLarge(
                f"answer is too large: it takes {size:,} bytes, expected at most {max_bytes - request:,}: send fewer "
                "samples at a time, or raise spec.resources.limits.memory of the ModelServer"
            )
        self.take(max(0, size - self._answer))
        self._answer = max(size, self._answer)

    @contextmanager
    def inputs(self, size: int) -> Iterator[None]:
        """Reserve memory for model inputs as `take_inputs` does, until the end of the `with` block."""
        self.take_inputs(size)
        try:
            yield
        finally:
            self._admission.release(size)
            self.size -= size

    def take_inputs(self, size: int) -> None:
        """Add `size` bytes of model inputs to the reservation: those by which they exceed the body.

        Raises:
            TooLarge: If request and inputs together exceed the whole memory for requests and answers.
            Busy: If there is not enough free memory now.
        """
        if self.size + size > (max_bytes := self._admission.max_bytes):  # a retry cannot help
            raise TooLarge(
                f"inputs are too large: the model's inputs take {size:,} bytes, expected at most "
                f"{max_bytes - self.size:,}: send fewer samples or photographs at a time, or raise "
                "spec.resources.limits.memory of the ModelServer"
            )
        self.take(size)

    def shrink(self, size: int) -> None:
        """Set the reservation to the `size` bytes of an encoded answer, even above the limit of memory."""
        self._admission.release(self.size - size)
        self.size = size

    def free(self) -> None:
        """Free all bytes of the reservation, those of the request and of its answer."""
        self._admission.release(self.size)
        self.size = self._answer = 0
