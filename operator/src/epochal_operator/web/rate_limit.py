"""Rate limits: a token bucket for each client."""

from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from cachetools import TTLCache


class Bucket(NamedTuple):
    """A token bucket that refills over time: the number of tokens at a time in seconds."""

    tokens: float
    at: float

    def take(self, now: float, *, burst: float, per_second: float) -> tuple["Bucket", float]:
        """Remove a token and return the new bucket and 0; without a token, return the seconds until it has one."""
        tokens = min(burst, self.tokens + max(0.0, now - self.at) * per_second)
        if tokens >= 1:
            return Bucket(tokens - 1, now), 0.0
        return Bucket(tokens, now), (1 - tokens) / per_second


class RateLimit:
    """Limits the request rate of each client in bounded memory.

    Args:
        burst: Requests that a client may make at once.
        per_second: Sustained requests per second of a client.
        clients: Maximum number of tracked clients. Beyond it, the client with the oldest last request is dropped, and
            its next request starts with a full bucket.
        clock: Returns the time in seconds.
    """

    def __init__(
        self, *, burst: float, per_second: float, clients: int, clock: Callable[[], float] = monotonic
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._buckets: TTLCache[str, Bucket, float] = TTLCache(clients, burst / per_second, clock)

    def take(self, client: str) -> float:
        """Count a request of a client and return 0 if it is within the limit; else return the seconds to wait."""
        now = self._clock()
        bucket, seconds = self._bucket(client).take(now, burst=self._burst, per_second=self._per_second)
        self._buckets[client] = bucket
        return seconds

    def refund(self, client: str) -> None:
        """Add a token to the bucket of a client, so that its last request does not count for the limit."""
        bucket = self._bucket(client)
        self._buckets[client] = bucket._replace(tokens=min(self._burst, bucket.tokens + 1))

    def remaining(self, client: str) -> float:
        """Return the number of requests (it may be a fraction) that a client may make now."""
        bucket = self._bucket(client)
        return min(self._burst, bucket.tokens + (self._clock() - bucket.at) * self._per_second)

    def _bucket(self, client: str) -> Bucket:
        try:
            return self._buckets[client]
        except KeyError:
            return Bucket(self._burst, self._clock())
