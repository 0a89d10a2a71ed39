"""Runs long blocking calls, such as those to the storage, in a thread that does not delay the end of the process."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def in_daemon(function: Callable[[], T]) -> T:
    """Return the result of a function that runs in a daemon thread.

    The process can end before the thread does.

    Args:
        function: The function to run.

    Raises:
        Exception: The exception of the function.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(settle: Callable[[Any], None], found: Any) -> None:
        if not done.cancelled():
            settle(found)

    def run() -> None:
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - the awaiting caller gets every exception
            loop.call_soon_threadsafe(tell, done.set_exception, error)
        else:
            loop.call_soon_threadsafe(tell, done.set_result, result)

    threading.Thread(target=run, name="load", daemon=True).start()
    return await done
