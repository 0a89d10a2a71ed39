"""Sends requests to a server all the time, and records the answer, or the error, of each."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import aiohttp

SECONDS = 30
"""Timeout of a request."""
Judge = Callable[[int, bytes], str]
"""Maps the number of a body and its response to the name of the model that has answered so; "" for none."""


@dataclass(frozen=True)
class SentRequest:
    """A request and its outcome.

    Args:
        at: When it was sent, in seconds since 1970.
        seconds: How long it took.
        status: Status of the answer; 0 if there was none.
        by: Which model has answered, if one has.
        again: In how many seconds to try again, if it was refused so; empty if not.
        error: Why there was no answer.
        accepted: Whether there was a connection for it: what was refused one was not lost, as nobody had it.
    """

    at: float
    seconds: float
    status: int = 0
    by: str = ""
    again: str = ""
    error: str = ""
    accepted: bool = True

    @property
    def answered(self) -> bool:
        return self.status == 200 and self.by != ""


class Load:
    """Sends requests until its exit; use it as a context manager.

    Args:
        bodies: What is sent, in turn.
        connections: How many wait for an answer at a time.
        pause: Seconds between an answer and the next request of the same connection.
        rate: Requests per second that come whether or not those before are answered, in place of the other two.
    """

    def __init__(
        self,
        url: str,
        bodies: Sequence[bytes],
        headers: Mapping[str, str],
        judge: Judge,
        *,
        connections: int = 8,
        pause: float = 0.01,
        rate: float | None = None,
    ) -> None:
        self.asked: list[SentRequest] = []
        self._url = url
        self._bodies = bodies
        self._headers = headers
        self._judge = judge
        self._connections = connections
        self._pause = pause
        self._rate = rate
        self._next = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name=f"load of {url}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def since(self, at: float) -> list[SentRequest]:
        return [request for request in self.asked if request.at >= at]

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            if self._rate is None:
                await asyncio.gather(*(self._ask_on(session) for _ in range(self._connections)))
            else:
                await self._ask_at(session, self._rate)

    async def _ask_on(self, session: aiohttp.ClientSession) -> None:
        while not self._over.is_set():
            await self._ask(session)
            await asyncio.sleep(self._pause)

    async def _ask_at(self, session: aiohttp.ClientSession, rate: float) -> None:
        began, sent = time.monotonic(), 0
        async with asyncio.TaskGroup() as tasks:
            while not self._over.is_set():
                while sent < (time.monotonic() - began) * rate:
                    tasks.create_task(self._ask(session))
                    sent += 1
                await asyncio.sleep(1 / rate)

    async def _ask(self, session: aiohttp.ClientSession) -> None:
        number = self._next % len(self._bodies)
        self._next += 1
        at, began = time.time(), time.monotonic()
        status, by, again, error, accepted = 0, "", "", "", True
        try:
            async with session.post(self._url, data=self._bodies[number], headers=self._headers) as answer:
                content = await answer.read()
                status, again = answer.status, answer.headers.get("Retry-After", "")
                if status == 200:
                    by = self._judge(number, content)
        except aiohttp.ClientConnectorError as failed:
            error, accepted = str(failed), False
        except (aiohttp.ClientError, TimeoutError) as failed:
            error = f"{type(failed).__name__}: {failed}"
        self.asked.append(SentRequest(at, time.monotonic() - began, status, by, again, error, accepted))
