"""Runs Studio's HTTP server until SIGTERM or SIGINT."""

import asyncio
import signal
import socket
import ssl
from contextlib import suppress

from aiohttp import web
from epochal_lib.certificate import Certificate
from epochal_lib.sockets import listen

from epochal_studio.app import make_app
from epochal_studio.config import Config
from epochal_studio.connections import MAX_HEAD, MAX_HEADERS, Server
from epochal_studio.conversion.process import remove_leftovers

STOP_SECONDS = 2.0
"""Maximum seconds that running requests may continue when the process ends. Then they are cancelled."""
KEEP_ALIVE_SECONDS = 75.0
CERTIFICATE_SECONDS = 60.0
"""Seconds between two reads of the TLS certificate's files, which may have been renewed."""


def make_runner(app: web.Application) -> web.AppRunner:
    """Return the aiohttp runner of an application, which cancels a handler when its browser disconnects."""
    return web.AppRunner(app, handler_cancellation=True, shutdown_timeout=STOP_SECONDS)


def make_server(runner: web.AppRunner, listener: socket.socket, context: ssl.SSLContext | None = None) -> Server:
    """Return the server of an application, which accepts connections when the caller runs its method `run`.

    It limits the heads of requests, does not decompress bodies, and writes no access log of aiohttp, which would have
    the queries.
    """
    return Server(
        runner,
        listener,
        context,
        access_log=None,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        max_line_size=MAX_HEAD,
        max_field_size=MAX_HEAD,
        max_headers=MAX_HEADERS,
        auto_decompress=False,
    )


async def serve(config: Config) -> None:
    """Run Studio's HTTP server until SIGTERM or SIGINT.

    Raises:
        OSError: If the port is in use, or the TLS certificate cannot be loaded.
    """
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    remove_leftovers()
    runner = make_runner(make_app(config))
    await runner.setup()
    certificate = Certificate(config.tls, f"in {config.tls}") if config.tls else None
    context = certificate.context if certificate else None
    accepting = asyncio.create_task(make_server(runner, listen(config.port, config.host), context).run())
    accepting.add_done_callback(lambda _: ended.set())
    reloading = asyncio.create_task(certificate.run(CERTIFICATE_SECONDS)) if certificate else None
    await ended.wait()
    if reloading is not None:
        reloading.cancel()
    accepting.cancel()
    await runner.cleanup()
    with suppress(asyncio.CancelledError):
        await accepting
