"""Admission control: limits the number of waiting requests, and the bytes of requests and answers in memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from epochal_server.refusals import Busy, TooLarge

REFUSAL_DELAY_SECONDS = 0.05
"""Seconds before a client receives a refusal because of too much load. Many refused clients retry at once. Without the
delay, their refusals would take the CPU time that the waiting requests need."""
MAX_QUEUE_SECONDS = 20.0
"""Maximum estimated seconds until the waiting requests are answered; further requests are refused. The grace period of
a server that shuts down is only a little longer, and no client waits forever."""
SLOW_CLIENT_SECONDS = 2.0
"""Time that a client may take to send its request, or to read its answer. After it, the client's memory may be freed
for other requests."""


class AdmissionControl:
    """Refuses requests if too many are waiting, or if they and their answers take too many bytes.

    Attributes:
        waiting: Number of waiting requests.
        estimate: Returns the seconds until the waiting requests are likely to be answered.
    """

    def __init__(self, max_requests: int, max_bytes: int) -> None:
        self._max_requests = max_requests
        self.max_bytes = max_bytes
        self._bytes = 0
        self._watched: dict[MemoryReservation, tuple[float, Callable[[], None]]] = {}
        self.waiting = 0
        self.estimate: Callable[[], float] = lambda: 0.0

    def admit(self) -> None:
        """Check that one more request may wait, without counting it.

        Raises:
            Busy: If too many requests are waiting, or their answers would take too long.
        """
        if self.waiting >= self._max_requests:
            raise Busy(
                f"queue is full: {self.waiting:,} requests are waiting (`limits.queuedRequests`): try again later, or "
                "raise spec.replicas or spec.limits.queuedRequests of the ModelServer",
                self.estimate(),
            )
        if self.waiting and (seconds := self.estimate()) > MAX_QUEUE_SECONDS:
            raise Busy(
                f"queue is too slow: {self.waiting:,} waiting requests take about {seconds:.0f} s, expected at most "
                f"{MAX_QUEUE_SECONDS:.0f} s: try again later, or raise spec.replicas or spec.resources.limits.cpu of "
                "the ModelServer",
                seconds,
            )

    @contextmanager
    def waiting_request(self) -> Iterator[None]:
        """Count a request as waiting within the context.

        Raises:
            Busy: If one more request may not wait.
        """
        self.admit()
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    def reserve(self, size: int, reservation: "MemoryReservation | None" = None) -> None:
        """Reserve bytes of memory, until `release` frees them.

        Raises:
            Busy: If there is no memory for the bytes.
        """
        if self._bytes + size > self.max_bytes:
            self._free_slow(size, reservation)
        if self._bytes + size > self.max_bytes:
            raise Busy(
                f"memory is full: requests and answers take {self._bytes:,} of {self.max_bytes:,} bytes, and this one "
                f"needs {size:,} more: try again later, or raise spec.resources.limits.memory or spec.replicas of the "
                "ModelServer",
                self.estimate(),
            )
        self._bytes += size

    def release(self, size: int) -> None:
        """Free bytes that `reserve` reserved. A negative size reserves bytes, even if there is no memory for them."""
        self._bytes -= size

    @contextmanager
    def waiting_for_client(self, reservation: "MemoryReservation", abort: Callable[[], None]) -> Iterator[None]:
        """Within the context, another request may free a reservation, with a call of `abort`, if its client is slow."""
        self.watch_client(reservation, abort)
        try:
            yield
        finally:
            self.unwatch_client(reservation)

    def watch_client(self, reservation: "MemoryReservation", abort: Callable[[], None]) -> None:
        """Count a reservation as waiting for its client from now on. See `waiting_for_client`."""
        self._watched[reservation] = monotonic(), abort

    def unwatch_client(self, reservation: "MemoryReservation") -> None:
        """Count a reservation as no longer waiting for its client. See `waiting_for_client`."""
        self._watched.pop(reservation, None)

    def _free_slow(self, size: int, reservation: "MemoryReservation | None") -> None:
        """Free the reservations of slow clients until `size` more bytes fit, beginning with the slowest client."""
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
    """The memory reservation of one request, out of the memory for all requests.

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
        """Reserve more bytes for the request.

        Raises:
            Busy: If there is no memory for the bytes.
        """
        if size:  # a request that needs no more bytes is not refused
            self._admission.reserve(size, self)
            self.size += size

    def add_answer(self, size: int) -> None:
        """Reserve the bytes of an answer: the predicted size before the answer exists, and the rest later.

        Raises:
            TooLarge: If the answer can never fit into the memory beside its request.
            Busy: If there is no memory for the answer now.
        """
        request = self.size - self._answer
        if request + size > (max_bytes := self._admission.max_bytes):  # a retry cannot help
            raise TooLarge(
                f"answer is too large: it takes {size:,} bytes, expected at most {max_bytes - request:,}: send fewer "
                "samples at a time, or raise spec.resources.limits.memory of the ModelServer"
            )
        self.take(max(0, size - self._answer))
        self._answer = max(size, self._answer)

    def shrink(self, size: int) -> None:
        """Reduce the reservation to the bytes of a finished answer, even if there is no room for the answer."""
        self._admission.release(self.size - size)
        self.size = size

    def free(self) -> None:
        """Free the whole reservation of the request."""
        self._admission.release(self.size)
        self.size = self._answer = 0
