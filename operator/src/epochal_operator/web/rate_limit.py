"""Rate limits: a token bucket for each client."""

from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from cachetools import TTLCache


class Bucket(NamedTuple):
    """A token bucket that refills over time.

    Args:
        tokens: Tokens in the bucket at the time `at`.
        at: Time of the last update in seconds.
    """

    tokens: float
    at: float

    def take(self, now: float, *, burst: float, per_second: float) -> tuple["Bucket", float]:
        """Take one token if available.

        Args:
            now: The current time in seconds.
            burst: Capacity of the bucket.
            per_second: Tokens added per second.

        Returns:
            The updated bucket, and the seconds until a token is available: 0 if a token was taken.
        """
        tokens = min(burst, self.tokens + max(0.0, now - self.at) * per_second)
        if tokens >= 1:
            return Bucket(tokens - 1, now), 0.0
        return Bucket(tokens, now), (1 - tokens) / per_second


class RateLimit:
    """Limits the request rate of each client in bounded memory.

    Args:
        burst: Requests that a client may make at once.
        per_second: Sustained requests per second of a client.
        clients: Maximum number of tracked clients. The client used longest ago is dropped, and starts with a full
            bucket.
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
        """Return the seconds that a client must wait; if 0, the request is counted."""
        now = self._clock()
        bucket, seconds = self._bucket(client).take(now, burst=self._burst, per_second=self._per_second)
        self._buckets[client] = bucket
        return seconds

    def give_back(self, client: str) -> None:
        """Return a token to a client, so that its last request does not count."""
        bucket = self._bucket(client)
        self._buckets[client] = bucket._replace(tokens=min(self._burst, bucket.tokens + 1))

    def left(self, client: str) -> float:
        """Return the tokens that a client has left."""
        bucket = self._bucket(client)
        return min(self._burst, bucket.tokens + (self._clock() - bucket.at) * self._per_second)

    def _bucket(self, client: str) -> Bucket:
        try:
            return self._buckets[client]
        except KeyError:
            return Bucket(self._burst, self._clock())
