"""A port on which requests are listened for, for a while."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from epochal_lib.sockets import listen
from epochal_server.listening import Listening


@asynccontextmanager
async def started(listening: Listening, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Listens on a free port of this machine, and yields that.

    Args:
        listening: What listens.
        context: For TLS.
    """
    listener = listen(0, "127.0.0.1")
    await listening.start(listener, context)
    try:
        yield listener.getsockname()[1]
    finally:
        await listening.stop()
        listener.close()
