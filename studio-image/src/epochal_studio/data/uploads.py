"""Limits the number of running uploads, and deletes the stored parts of uploads that end early."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import ParamSpec, TypeVar

from epochal_studio.long_answers import LongAnswers

MAX_UPLOADS, MAX_USER_UPLOADS = 8, 2
"""Maximum uploads of all users, and of one user. Further uploads are refused. Each upload keeps one part in memory."""
CLOSE_SECONDS = 4.0
"""Maximum seconds that the process waits for deletions of parts when it ends. The kubelet kills it after 10 s."""

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)


class Uploads:
    """Limits the uploads of all users and of each user, and runs their blocking calls in separate threads.

    Since these threads serve only uploads, a slow storage delays no other request, and the parts of a failed upload can
    always be deleted.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(MAX_UPLOADS, thread_name_prefix="upload")
        self._deletions: set[Future[None]] = set()
        self._places = LongAnswers(MAX_UPLOADS, MAX_USER_UPLOADS, "uploads")

    @property
    def count(self) -> int:
        """Number of running uploads of all users."""
        return self._places.count

    def hold(self, owner: str) -> AbstractContextManager[None]:
        """Count one upload of a user until the end of the `with` block.

        Raises:
            Refusal: 503, if this user, or all users together, have too many uploads.
        """
        return self._places.hold(owner)

    async def run(self, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Call a blocking function in a thread, and return its result.

        If the caller is cancelled, a call that has begun continues, and a call that waits for a thread is not made.
        """
        return await asyncio.wrap_future(self._executor.submit(function, *args, **options))

    async def clean_up(self, function: Callable[[], None]) -> None:
        """Call a function that deletes the parts of a failed upload. Log its error; a cancellation does not stop it."""

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
        """Accept no more calls, and wait up to CLOSE_SECONDS for deletions of parts."""
        self._executor.shutdown(wait=False)
        if found := {asyncio.wrap_future(deletion) for deletion in tuple(self._deletions)}:
            await asyncio.wait(found, timeout=CLOSE_SECONDS)
