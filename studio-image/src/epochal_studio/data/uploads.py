"""The uploads under way: their number is bounded, and each ends without parts that stay in the bucket."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import ParamSpec, TypeVar

from epochal_studio.long_answers import LongAnswers

MAX_UPLOADS, MAX_USER_UPLOADS = 8, 2
"""Maximum uploads of all users, and of one user. Each holds a part in memory."""

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)


class Uploads:
    """Threads and places for uploads.

    They have threads of their own: an upload that waits for a slow storage delays no page. Above all, the deletion of
    the parts of an upload that ends early always finds a thread. When the process ends, Python waits for these threads.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(MAX_UPLOADS, thread_name_prefix="upload")
        self._places = LongAnswers(MAX_UPLOADS, MAX_USER_UPLOADS, "uploads")

    @property
    def count(self) -> int:
        """Number of uploads now."""
        return self._places.count

    def hold(self, owner: str) -> AbstractContextManager[None]:
        """Count an upload of a user until the end of the block.

        Raises:
            Refusal: If there are too many.
        """
        return self._places.hold(owner)

    async def run(self, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Return the result of a call that blocks. It goes on if this coroutine is cancelled."""
        return await asyncio.wrap_future(self._executor.submit(function, *args, **options))

    async def clean_up(self, function: Callable[[], None]) -> None:
        """Call a function that deletes the parts of an upload, also if the handler is cancelled once more."""

        def call() -> None:
            try:
                function()
            except Exception as error:  # noqa: BLE001 - the upload has failed already, for another reason
                log.warning("cannot delete the parts of an upload that ended early: %s", type(error).__name__)

        await asyncio.shield(asyncio.wrap_future(self._executor.submit(call)))

    def close(self) -> None:
        """Start no more calls. Those that wait, such as deletions of parts, still run."""
        self._executor.shutdown(wait=False)
