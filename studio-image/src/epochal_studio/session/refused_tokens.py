"""Remembers tokens of sessions that the API server has refused.

An API server that restarts refuses valid tokens for some seconds. So a session ends only if refusals continue for
SECONDS.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

SECONDS = 30.0
"""Seconds after the first refusal when a token counts as invalid, unless the API server accepts it in between."""
MAX_TOKENS = 2000
"""Maximum tokens in memory. The token with the oldest first refusal is removed first."""


class RefusedTokens:
    """The tokens whose last use the API server has refused, by their `user_key`.

    Args:
        clock: Returns a monotonic time in seconds.
        most: Maximum tokens in memory. The token with the oldest first refusal is removed first.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = MAX_TOKENS) -> None:
        self._clock = clock
        self._most = most
        self._first: OrderedDict[str, float] = OrderedDict()

    def refuse(self, key: str) -> bool:
        """Record that the API server has refused a token. Return whether the refusals have lasted for SECONDS."""
        first = self._first.setdefault(key, self._clock())
        if len(self._first) > self._most:
            self._first.popitem(last=False)
        return self._clock() - first >= SECONDS

    def is_refused(self, key: str) -> bool:
        """Return whether the API server has refused a token and not accepted it afterwards."""
        return key in self._first

    def accept(self, key: str) -> None:
        """Record that the API server has accepted a token, which clears its refusals."""
        self._first.pop(key, None)
