"""A fake API server in a thread of its own, for clients that block the thread of the test."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from tests.kit.fake.server import FakeApiServer

SECONDS = 10

Answer = TypeVar("Answer")


class ServerThread:
    """Runs a fake API server in a thread.

    Args:
        server: The server.

    Attributes:
        server: Its faults and requests.
        objects: The objects. Change them with `call`, as a watch of the server's thread reads them too.
    """

    def __init__(self, server: FakeApiServer) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.server = server
        self.objects = server.objects

    def start(self) -> None:
        """Start the thread and the server."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.server.__aenter__(), self._loop).result(SECONDS)

    def stop(self) -> None:
        """Stop the server and the thread."""
        asyncio.run_coroutine_threadsafe(self.server.__aexit__(None, None, None), self._loop).result(SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def call(self, function: Callable[..., Answer], *arguments: Any, **options: Any) -> Answer:
        """Call a function in the server's thread, such as `cluster.call(cluster.objects.patch, "jobs", …)`."""

        async def called() -> Answer:
            return function(*arguments, **options)

        return asyncio.run_coroutine_threadsafe(called(), self._loop).result(SECONDS)
