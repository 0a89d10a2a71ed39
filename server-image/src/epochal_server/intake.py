"""How much may wait for an answer, and how many bytes of requests and answers may be in memory meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from epochal_server.refusals import Busy, TooLarge

REFUSED_SECONDS = 0.05
"""How long whoever comes when too many wait is left without the answer that says so. Many come again at once, and to
refuse them again and again would take the time in which those who wait are to be answered."""
MOST_SECONDS = 20.0
"""In how many seconds those that wait must be likely to be answered: a server that is told to end has a little longer
than that, and no client waits for ever."""
SLOW_SECONDS = 2.0
"""How long a client may send its request, or read its answer, before it makes room for others that find none."""


class Intake:
    """Refuses what there is no room for: by the number of requests that wait, and by their bytes and their answers'.

    Args:
        most_requests: How many may wait.
        most_bytes: What the bodies in hand, and the answers until they are sent, may hold together.

    Attributes:
        waiting: How many wait.
        estimate: Returns the seconds in which those that wait now are likely to be answered.
    """

    def __init__(self, most_requests: int, most_bytes: int) -> None:
        self._most_requests = most_requests
        self.most_bytes = most_bytes
        self._bytes = 0
        self._awaited: dict[Room, tuple[float, Callable[[], None]]] = {}
        self.waiting = 0
        self.estimate: Callable[[], float] = lambda: 0.0

    def admit(self) -> None:
        """Makes sure that one more request may wait.

        Raises:
            Busy: If it may not.
        """
        if self.waiting >= self._most_requests:
            raise Busy(
                f"expected at most {self._most_requests:,} requests that wait, found as many: try again later, or "
                "raise spec.replicas or spec.limits.queuedRequests of the ModelServer",
                self.estimate(),
            )
        if self.waiting and (seconds := self.estimate()) > MOST_SECONDS:
            raise Busy(
                f"expected requests that wait for at most {MOST_SECONDS:.0f} s, found that the {self.waiting:,} that "
                f"do so take {seconds:.0f} s: try again later, or raise spec.replicas or "
                "spec.resources.limits.cpu of the ModelServer",
                seconds,
            )

    @contextmanager
    def waits(self) -> Iterator[None]:
        """Counts a request among those that wait.

        Raises:
            Busy: If as many wait as may.
        """
        self.admit()
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    def hold(self, size: int, room: "Room | None" = None) -> None:
        """Takes some bytes into account; `release` gives them back.

        Args:
            size: How many.
            room: Whose they are. Where there are too many, others give way whose clients have been waited for too long.

        Raises:
            Busy: If there is no room for them.
        """
        if self._bytes + size > self.most_bytes:
            self._make_way(size, room)
        if self._bytes + size > self.most_bytes:
            raise Busy(
                f"expected at most {self.most_bytes:,} bytes of requests and answers in hand, found {self._bytes:,} "
                f"and {size:,} more: try again later, or raise spec.resources.limits.memory or spec.replicas of the "
                "ModelServer",
                self.estimate(),
            )
        self._bytes += size

    def release(self, size: int) -> None:
        """Gives back what `hold` took; or, if it is less than nothing, takes it though there may be no room."""
        self._bytes -= size

    @contextmanager
    def awaited(self, room: "Room", give_way: Callable[[], None]) -> Iterator[None]:
        """Has a room give way to others if its client is waited for too long meanwhile.

        Args:
            room: The room.
            give_way: Ends what it is for.
        """
        self.wait(room, give_way)
        try:
            yield
        finally:
            self.wait_no_more(room)

    def wait(self, room: "Room", give_way: Callable[[], None]) -> None:
        """Begins with what `awaited` does."""
        self._awaited[room] = monotonic(), give_way

    def wait_no_more(self, room: "Room") -> None:
        """Ends it."""
        self._awaited.pop(room, None)

    def _make_way(self, size: int, room: "Room | None") -> None:
        """Makes room for some bytes, if those who are slow have it: first who has been so for the longest time."""
        slow_since = monotonic() - SLOW_SECONDS
        slow = [one for one, (since, _) in self._awaited.items() if since < slow_since and one.size and one is not room]
        for one in slow:
            if self._bytes + size <= self.most_bytes:
                return
            _, give_way = self._awaited.pop(one)
            one.gave_way = True
            one.give_back()
            give_way()


class Room:
    """What one request takes of the memory that there is for all.

    Args:
        intake: What there is.

    Attributes:
        size: Its bytes.
        gave_way: Whether it had to make room for others, since its client was slow.
    """

    __slots__ = ("_answer", "_intake", "gave_way", "size")

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._answer = 0
        self.size = 0
        self.gave_way = False

    def take(self, size: int) -> None:
        """Takes some bytes more.

        Raises:
            Busy: If there is no room for them.
        """
        if size:  # who needs none more is not refused
            self._intake.hold(size, self)
            self.size += size

    def take_answer(self, size: int) -> None:
        """Takes the bytes of an answer: those that it is known to have before it is there, and then what it has more.

        Args:
            size: All of its bytes, as far as they are known.

        Raises:
            TooLarge: If there is never room for as many.
            Busy: If there is none now.
        """
        request = self.size - self._answer
        if request + size > (most := self._intake.most_bytes):  # for good: the request is there until it is answered
            raise TooLarge(
                f"answer: expected at most {most - request:,} bytes, found that it takes {size:,}: send fewer samples "
                "at a time, or raise spec.resources.limits.memory of the ModelServer"
            )
        self.take(max(0, size - self._answer))
        self._answer = max(size, self._answer)

    def keep(self, size: int) -> None:
        """Keeps the bytes of an answer that is there already, and nothing else: whether there is room for it or not."""
        self._intake.release(self.size - size)
        self.size = size

    def give_back(self) -> None:
        """Gives back all."""
        self._intake.release(self.size)
        self.size = self._answer = 0
