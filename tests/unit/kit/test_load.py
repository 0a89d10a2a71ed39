"""The load records the outcome of each request."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager

from aiohttp import web

from tests.kit.kubectl import wait
from tests.kit.load import Load, SentRequest

BODIES = [b"0", b"1", b"2"]


def echoed(number: int, content: bytes) -> str:
    return "echo" if content == str(number).encode() else ""


@contextmanager
def server(handle: Callable[[bytes], Awaitable[web.Response]]) -> Iterator[str]:
    """Serve on the loopback, in a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    loop = asyncio.new_event_loop()

    async def answer(request: web.Request) -> web.Response:
        return await handle(await request.read())

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/", answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.SockSite(runner, listener).start()
        return runner

    runner = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def echo(body: bytes) -> web.Response:
    return web.Response(body=body)


async def always_zero(body: bytes) -> web.Response:
    return web.Response(body=b"0")


async def refuse(body: bytes) -> web.Response:
    return web.Response(status=429, headers={"Retry-After": "3"})


def ask(url: str, connections: int) -> list[SentRequest]:
    """Return the outcomes of a load that ends after six of them."""
    with Load(url, BODIES, {}, echoed, connections=connections) as load:
        wait("six outcomes", lambda: len(load.asked) >= 6, seconds=30, every=0.02)
    return load.asked


def test_answers_are_judged_by_their_request() -> None:
    with server(echo) as url:
        asked = ask(url, connections=2)
    assert all(request.answered and request.by == "echo" for request in asked)


def test_the_answer_to_another_question_is_nobodys() -> None:
    with server(always_zero) as url:
        asked = ask(url, connections=1)
    assert {request.by for request in asked} == {"echo", ""}


def test_a_refusal_has_retry_after() -> None:
    with server(refuse) as url:
        asked = ask(url, connections=1)
    assert {(request.status, request.again, request.answered) for request in asked} == {(429, "3", False)}


def test_a_refused_connection_accepts_nothing() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as one:
        port = one.getsockname()[1]
    asked = ask(f"http://127.0.0.1:{port}/", connections=1)
    assert {(request.status, request.accepted) for request in asked} == {(0, False)}


def test_a_rate_does_not_wait_for_answers() -> None:
    received: list[bytes] = []
    enough = asyncio.Event()

    async def hold(body: bytes) -> web.Response:
        """Answer no request before the twentieth has come."""
        received.append(body)
        if len(received) == 20:
            enough.set()
        await enough.wait()
        return web.Response(body=body)

    with server(hold) as url, Load(url, BODIES, {}, echoed, rate=100) as load:
        wait("twenty answers", lambda: len(load.asked) >= 20, seconds=20, every=0.02)
    assert all(request.answered for request in load.asked)
