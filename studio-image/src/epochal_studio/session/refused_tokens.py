"""Tokens that the API server has refused within a session.

An API server that restarts refuses valid tokens for some seconds. So only refusals over some time end a session.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

SECONDS = 30.0
"""Time since the first refusal after which a token counts as invalid, if the API server has not accepted it since."""
MAX_TOKENS = 2000
"""Maximum tokens in memory."""


class RefusedTokens:
    """The tokens that the API server refuses now, by their `user_key`.

    Args:
        clock: Returns the time in seconds.
        most: Maximum tokens in memory.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = MAX_TOKENS) -> None:
        self._clock = clock
        self._most = most
        self._first: OrderedDict[str, float] = OrderedDict()

    def refuse(self, key: str) -> bool:
        """Note that the API server has refused a token, and return whether it counts as invalid."""
        first = self._first.setdefault(key, self._clock())
        if len(self._first) > self._most:
            self._first.popitem(last=False)
        return self._clock() - first >= SECONDS

    def is_refused(self, key: str) -> bool:
        """Return whether the API server has refused a token, and has not accepted it since."""
        return key in self._first

    def accept(self, key: str) -> None:
        """Note that the API server has accepted a token."""
        self._first.pop(key, None)
