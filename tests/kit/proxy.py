"""A proxy in front of the API server that injects faults of real clusters."""

import asyncio
import random
import ssl
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import aiohttp
from aiohttp import web
from kubernetes import config

from tests.kit import kubeconfig

T = TypeVar("T")

_REASONS = {409: "Conflict", 410: "Expired", 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "host", "content-length"})


@dataclass(frozen=True)
class Faults:
    """Faults to inject; none by default. A share is between 0 and 1 and is drawn at random.

    Args:
        refuse: Share of the requests that each HTTP status refuses, which then were not done: 409 refuses writes only.
        retry_after: Seconds that a 429 tells to wait.
        delay: Least and most seconds by which an answer is late.
        hang: Share of the requests, watches aside, that are held open and never answered.
        drop: Share of the requests, watches aside, that are done but whose connection breaks within the answer.
        cut: Least and most seconds after which a watch breaks off.
        expired: Share of the watches that are answered with the event that their version is too old.
        gone: Share of the watches that are refused with HTTP status 410.
        broken: Share of the watches that are answered with the event of another error, as an etcd in trouble causes.
    """

    refuse: Mapping[int, float] = field(default_factory=dict)
    retry_after: int = 1
    delay: tuple[float, float] = (0, 0)
    hang: float = 0
    drop: float = 0
    cut: tuple[float, float] | None = None
    expired: float = 0
    gone: float = 0
    broken: float = 0


class Call(NamedTuple):
    """A request that went through the proxy.

    Args:
        status: HTTP status of the answer; 0 if there was none.
        fault: The field of `Faults` that the proxy injected, such as drop or refuse 409; empty if none.
    """

    method: str
    path: str
    query: Mapping[str, str]
    status: int
    fault: str = ""


class Proxy:
    """Runs on a free port of the loopback address while it is entered.

    Args:
        seed: What happens at random happens the same with the same seed, as far as requests come in the same order.

    Attributes:
        faults: What goes wrong from now on.
    """

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.faults = Faults()
        self.calls: list[Call] = []

    def __enter__(self) -> Self:
        self._thread.start()
        self._in_loop(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._in_loop(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def kubeconfig(self, file: Path, token: str) -> Path:
        """Writes a kubeconfig that reaches the API server through the proxy with a token."""
        return kubeconfig.write(file, f"http://127.0.0.1:{self._port}", token)

    @contextmanager
    def trouble(self, **faults: Any) -> Iterator[None]:
        """Injects faults for a while: takes the arguments of `Faults`."""
        self.faults = Faults(**faults)
        try:
            yield
        finally:
            self.faults = Faults()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Lets no byte through for a while, like a cut network: no answer, no end of a connection, no watch."""
        self._loop.call_soon_threadsafe(self._open.clear)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._open.set)

    def cut_watches(self) -> None:
        self._loop.call_soon_threadsafe(lambda: [watch.cancel() for watch in self._watches])

    def _in_loop(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _start(self) -> None:
        known = config.new_client_from_config().configuration
        self._server = known.host.rstrip("/")
        context = ssl.create_default_context(cafile=known.ssl_ca_cert)
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        self._open = asyncio.Event()
        self._open.set()
        self._watches: set[asyncio.Task[None]] = set()
        app = web.Application(client_max_size=8 * 1024**2)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        self._open.set()
        await self._runner.cleanup()
        await self._session.close()

    def _happens(self, share: float) -> bool:
        return self._random.random() < share

    def _note(self, request: web.Request, status: int, fault: str = "") -> None:
        if not fault and self.faults.delay > (0, 0):
            fault = "delay"
        self.calls.append(Call(request.method, request.path, dict(request.query), status, fault))

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._decide(request, self.faults)
        except aiohttp.ClientError:  # the API server itself is away
            self._note(request, 0)
            return _broken_off(request, web.StreamResponse())

    async def _decide(self, request: web.Request, faults: Faults) -> web.StreamResponse:
        await self._open.wait()
        await asyncio.sleep(self._random.uniform(*faults.delay))
        for status, share in faults.refuse.items():
            if (status != 409 or request.method in _WRITES) and self._happens(share):
                return self._refuse(request, status, faults, f"refuse {status}")
        if request.query.get("watch") == "true":
            return await self._watch(request, faults)
        if self._happens(faults.hang):
            self._note(request, 0, "hang")
            await asyncio.Event().wait()  # until the client has had enough
        return await self._pass_on(request, drop=self._happens(faults.drop))

    def _refuse(self, request: web.Request, status: int, faults: Faults, fault: str) -> web.Response:
        self._note(request, status, fault)
        headers = {"Retry-After": str(faults.retry_after)} if status == 429 else {}
        return web.json_response(_failure(status), status=status, headers=headers)

    async def _pass_on(self, request: web.Request, *, drop: bool) -> web.StreamResponse:
        async with self._upstream(request, await request.read()) as answer:
            body = await answer.read()
            self._note(request, 0 if drop else answer.status, "drop" if drop else "")
            if not drop:
                return web.Response(status=answer.status, headers=_passed(answer.headers), body=body)
            response = web.StreamResponse(status=answer.status, headers=_passed(answer.headers))
            response.content_length = len(body)
            await response.prepare(request)
            await response.write(body[: len(body) // 2])
            return _broken_off(request, response)

    async def _watch(self, request: web.Request, faults: Faults) -> web.StreamResponse:
        if self._happens(faults.gone):
            return self._refuse(request, 410, faults, "gone")
        for status, fault in ((410, "expired"), (500, "broken")):
            if self._happens(getattr(faults, fault)):
                self._note(request, 200, fault)
                return web.json_response({"type": "ERROR", "object": _failure(status)})
        async with self._upstream(request, b"") as answer:
            self._note(request, answer.status, "cut" if faults.cut else "")
            response = web.StreamResponse(status=answer.status, headers=_passed(answer.headers))
            await response.prepare(request)
            passing = asyncio.create_task(self._stream(answer, response))
            self._watches.add(passing)
            try:
                await asyncio.wait({passing}, timeout=self._random.uniform(*faults.cut) if faults.cut else None)
            finally:
                self._watches.discard(passing)
                ended = passing.done() and not passing.cancelled() and passing.exception() is None
                passing.cancel()
            return response if ended else _broken_off(request, response)

    async def _stream(self, answer: aiohttp.ClientResponse, response: web.StreamResponse) -> None:
        async for part in answer.content.iter_any():
            await self._open.wait()
            await response.write(part)

    def _upstream(self, request: web.Request, body: bytes) -> Any:
        return self._session.request(
            request.method,
            self._server + request.path_qs,
            headers=_passed(request.headers),
            data=body or None,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
        )


def _passed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}


def _broken_off(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return response


def _failure(status: int) -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "code": status,
        "reason": _REASONS[status],
        "message": f"injected: {_REASONS[status]}",
    }
