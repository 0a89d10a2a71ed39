"""The load records the outcome of each request."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from aiohttp import web

from tests.kit.load import Load, SentRequest

BODIES = [b"0", b"1", b"2"]


def echoed(number: int, content: bytes) -> str:
    return "echo" if content == str(number).encode() else ""


@contextmanager
def server(handle: Callable[[bytes], web.Response]) -> Iterator[str]:
    """Serves on the loopback, in a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    loop = asyncio.new_event_loop()

    async def answer(request: web.Request) -> web.Response:
        return handle(await request.read())

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


def ask(url: str, **how: float) -> list[SentRequest]:
    with Load(url, BODIES, {}, echoed, **how) as load:  # type: ignore[arg-type]
        time.sleep(0.3)
    return load.asked


def test_answers_are_judged_by_their_request() -> None:
    with server(lambda body: web.Response(body=body)) as url:
        asked = ask(url, connections=2)
    assert len(asked) > 3
    assert all(request.answered and request.by == "echo" for request in asked)


def test_the_answer_to_another_question_is_nobodys() -> None:
    with server(lambda _: web.Response(body=b"0")) as url:
        asked = ask(url, connections=1)
    assert {request.by for request in asked} == {"echo", ""}


def test_a_refusal_has_retry_after() -> None:
    with server(lambda _: web.Response(status=429, headers={"Retry-After": "3"})) as url:
        asked = ask(url, connections=1)
    assert {(request.status, request.again, request.answered) for request in asked} == {(429, "3", False)}


def test_a_refused_connection_accepts_nothing() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as one:
        port = one.getsockname()[1]
    asked = ask(f"http://127.0.0.1:{port}/", connections=1)
    assert {(request.status, request.accepted) for request in asked} == {(0, False)}


def test_a_rate_does_not_wait_for_answers() -> None:
    def slow(body: bytes) -> web.Response:
        time.sleep(0.05)
        return web.Response(body=body)

    with server(slow) as url:
        asked = ask(url, rate=100)
    assert 20 < len(asked) < 40, "a hundred a second, though only twenty are answered"
