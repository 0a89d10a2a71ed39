"""Clients that send requests without end, and leave without their answers."""

import asyncio
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Self

import aiohttp

PAUSE_SECONDS = 0.1
"""Between an answer and the next request of a client."""


@dataclass(frozen=True)
class Request:
    name: str
    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


class Clients:
    """Clients that send their requests in turn, again and again; use it as a context manager.

    At its exit all clients close their connections at once.

    Args:
        url: The address of the server.
        requests: The requests of each client.

    Attributes:
        answers: Counts of answers, by the request's name and the status, or the error's name if there was no answer.
    """

    def __init__(self, url: str, requests: Sequence[Sequence[Request]]) -> None:
        self.answers: Counter[tuple[str, str]] = Counter()
        self._url = url
        self._requests = requests
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._run()], daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._loop.close()

    async def _run(self) -> None:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            clients = [asyncio.create_task(self._ask(session, requests)) for requests in self._requests]
            await self._over.wait()
            for client in clients:
                client.cancel()
            await asyncio.gather(*clients, return_exceptions=True)

    async def _ask(self, session: aiohttp.ClientSession, requests: Sequence[Request]) -> None:
        for request in cycle(requests):
            try:
                url = self._url + request.path
                async with session.post(url, data=request.body, headers=request.headers) as answer:
                    await answer.read()
                    found = str(answer.status)
            except (aiohttp.ClientError, TimeoutError) as error:
                found = type(error).__name__
            self.answers[request.name, found] += 1
            await asyncio.sleep(PAUSE_SECONDS)
