"""Waits for what may take minutes, such as a storage, and does not hold up the end of the process."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def in_daemon(function: Callable[[], T]) -> T:
    """Returns what a function returns, which runs in a thread that need not end before the process does.

    Args:
        function: What runs.

    Raises:
        Exception: What the function raises.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(settle: Callable[[Any], None], found: Any) -> None:
        if not done.cancelled():
            settle(found)

    def run() -> None:
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where it is waited for
            loop.call_soon_threadsafe(tell, done.set_exception, error)
        else:
            loop.call_soon_threadsafe(tell, done.set_result, result)

    threading.Thread(target=run, name="load", daemon=True).start()
    return await done
