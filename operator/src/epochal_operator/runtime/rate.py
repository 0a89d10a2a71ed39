"""How often each client may do something: a token bucket for each."""

from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from cachetools import TTLCache


class Bucket(NamedTuple):
    """A bucket of tokens that fills up with time.

    Args:
        tokens: Tokens in it at that moment.
        at: The moment, in seconds.
    """

    tokens: float
    at: float

    def take(self, now: float, *, burst: float, per_second: float) -> tuple["Bucket", float]:
        """Takes one token if there is one.

        Args:
            now: The time in seconds.
            burst: Tokens that it holds when full.
            per_second: Tokens that it gets in a second.

        Returns:
            The bucket after it, and the seconds to wait for a token: 0 if one was taken.
        """
        tokens = min(burst, self.tokens + max(0.0, now - self.at) * per_second)
        if tokens >= 1:
            return Bucket(tokens - 1, now), 0.0
        return Bucket(tokens, now), (1 - tokens) / per_second


class RateLimit:
    """Limits how often each client may do something, in bounded memory.

    Args:
        burst: How often at once.
        per_second: How often per second in the long run.
        clients: Most clients that are told apart; the one seen longest ago is forgotten, and may start anew.
        clock: Returns the time in seconds.
    """

    def __init__(
        self, *, burst: float, per_second: float, clients: int, clock: Callable[[], float] = monotonic
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._buckets: TTLCache[str, Bucket, float] = TTLCache(clients, burst / per_second, clock)

    def wait(self, client: str) -> float:
        """Returns how many seconds a client must wait, or 0 if it may go on now, which is then counted."""
        now = self._clock()
        bucket, seconds = self._bucket(client).take(now, burst=self._burst, per_second=self._per_second)
        self._buckets[client] = bucket
        return seconds

    def give_back(self, client: str) -> None:
        """Takes back that a client went on: it does not count."""
        bucket = self._bucket(client)
        self._buckets[client] = bucket._replace(tokens=min(self._burst, bucket.tokens + 1))

    def left(self, client: str) -> float:
        """Returns how often a client may still go on at once."""
        bucket = self._bucket(client)
        return min(self._burst, bucket.tokens + (self._clock() - bucket.at) * self._per_second)

    def _bucket(self, client: str) -> Bucket:
        try:
            return self._buckets[client]
        except KeyError:
            return Bucket(self._burst, self._clock())
