"""Listeners of a test."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from epochal_lib.sockets import listen
from epochal_server.listener import Listener
from epochal_server.monitoring.access_log import AccessLog
from epochal_server.monitoring.metrics import Metrics
from epochal_server.monitoring.request_log import RequestLog


@asynccontextmanager
async def started(listening: Listener, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Listen on a free port, by TLS if there is a context, and yield the port."""
    listener = listen(0, "127.0.0.1")
    await listening.start(listener, context)
    try:
        yield listener.getsockname()[1]
    finally:
        await listening.stop()
        listener.close()


def request_log() -> RequestLog:
    """Return a log of requests that is not written."""
    return RequestLog(Metrics(lambda: 0), AccessLog(lambda _: None), lambda: False)
