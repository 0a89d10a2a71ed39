"""The uploads under way: their number is bounded, and each ends without parts that stay in the bucket."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import ParamSpec, TypeVar

from epochal_studio.long_answers import LongAnswers

MAX_UPLOADS, MAX_USER_UPLOADS = 8, 2
"""Maximum uploads of all users, and of one user. Each holds a part in memory."""
CLOSE_SECONDS = 4.0
"""Maximum seconds for the deletion of parts at the end of the process, which the kubelet kills after 10 s."""

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)


class Uploads:
    """Limits the uploads of all users and of each user, and runs their calls that block in threads.

    They have threads of their own: an upload that waits for a slow storage delays no page. Above all, the deletion of
    the parts of an upload that ends early always finds a thread.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(MAX_UPLOADS, thread_name_prefix="upload")
        self._deletions: set[Future[None]] = set()
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
        """Return the result of a call that blocks. The call goes on if this coroutine is cancelled."""
        return await asyncio.wrap_future(self._executor.submit(function, *args, **options))

    async def clean_up(self, function: Callable[[], None]) -> None:
        """Call a function that deletes the parts of an upload, also if the handler is cancelled once more."""

        def call() -> None:
            try:
                function()
            except Exception as error:  # noqa: BLE001 - the upload has failed already, for another reason
                log.warning("cannot delete the parts of an upload that ended early: %s", type(error).__name__)

        deletion = self._executor.submit(call)
        self._deletions.add(deletion)
        deletion.add_done_callback(self._deletions.discard)
        await asyncio.shield(asyncio.wrap_future(deletion))

    async def close(self) -> None:
        """Start no more calls, and wait for the deletions of parts: the process ends without its threads."""
        self._executor.shutdown(wait=False)
        if found := {asyncio.wrap_future(deletion) for deletion in tuple(self._deletions)}:
            await asyncio.wait(found, timeout=CLOSE_SECONDS)
