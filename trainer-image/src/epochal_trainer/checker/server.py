"""The HTTP server of the checker. Its process does not import Keras: forked processes build the networks."""

import asyncio
import gzip
import signal
from collections.abc import Awaitable, Callable

from aiohttp import web
from epochal_api.checker import CATALOGUE_PATH, CHECK_PATH, MAX_QUESTION_BYTES, Problem
from epochal_api.text import printable
from epochal_lib.json_log import JsonFormatter, configure
from epochal_lib.sockets import listen

from epochal_trainer.checker.builders import Builders, NoAnswer
from epochal_trainer.checker.questions import BadQuestion, layer_digests

READ_SECONDS = 5.0
"""Maximum seconds until the body of a request is received. Then the request is refused."""
_STATUSES = {"Invalid": 422, "Busy": 503, "Starting": 503, "TimeLimit": 504, "MemoryLimit": 507, "Failed": 500}
_RETRY_SECONDS = "5"


def application(builders: Builders) -> web.Application:
    """Return the application with its routes: the check of a network, the catalogue, /healthz and /readyz."""

    async def check(request: web.Request) -> web.Response:
        async with asyncio.timeout(READ_SECONDS):
            question = await request.read()
        answer = await builders.answer(question, layer_digests(question))
        return web.Response(body=answer, content_type="application/json")

    async def catalogue(request: web.Request) -> web.Response:
        if not builders.ready:
            raise NoAnswer("Starting", "Keras is being imported: ask again in a few seconds")
        if "gzip" not in request.headers.get("Accept-Encoding", "").lower():
            return web.Response(body=gzip.decompress(builders.greeting), content_type="application/json")
        headers = {"Content-Encoding": "gzip"}
        return web.Response(body=builders.greeting, content_type="application/json", headers=headers)

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        if builders.ready:
            return web.Response(text="ok\n")
        return web.Response(text="Keras is being imported\n", status=503)

    app = web.Application(client_max_size=MAX_QUESTION_BYTES, middlewares=[_problems])
    app.add_routes(
        [
            web.post(CHECK_PATH, check),
            web.get(CATALOGUE_PATH, catalogue),
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
        ]
    )
    return app


@web.middleware
async def _problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn exceptions of a handler into responses with a status and the message as JSON (Problem)."""
    try:
        return await handler(request)
    except BadQuestion as error:
        return _problem(400, str(error))
    except NoAnswer as error:
        return _problem(_STATUSES[error.reason], str(error))
    except TimeoutError:
        return _problem(408, f"the body of the request took more than {READ_SECONDS:.0f} s")
    except web.HTTPException as error:
        return _problem(error.status, error.text or error.reason)


def _problem(status: int, message: str) -> web.Response:
    headers = {"Retry-After": _RETRY_SECONDS} if status == 503 else {}  # noqa: PLR2004
    body = Problem(error=message).model_dump_json()
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


def run(port: int) -> int:
    """Serve HTTP on a port until SIGTERM or SIGINT, and return the exit code 0."""
    configure(JsonFormatter(printable))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps orphaned processes
    asyncio.run(_run(port))
    return 0


async def _run(port: int) -> None:
    builders, stopped = Builders(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    runner = web.AppRunner(
        application(builders),
        access_log=None,
        auto_decompress=False,  # a small body could have any size
        handler_cancellation=True,  # a client that has left waits no more
        shutdown_timeout=1,
    )
    await runner.setup()
    task = asyncio.create_task(builders.run())
    try:
        await web.SockSite(runner, listen(port)).start()
        waiting = asyncio.create_task(stopped.wait())
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
    finally:
        task.cancel()
        await runner.cleanup()
