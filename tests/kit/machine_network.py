"""The machine's own network, for browsers in tests on the cluster.

Chromium gives up its requests with ERR_NETWORK_CHANGED when an address of its network comes or goes, as one does with
each pod in the cluster's network: https://github.com/microsoft/playwright/issues/13062
"""

import ctypes
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from tests.kit.ports import LOOPBACK

CHROMIUM = Path(__file__).with_name("chromium-outside")
"""Chromium in the machine's network."""
CLONE_NEWNET = 0x40000000
CHUNK = 64 * 1024


@contextmanager
def forwarded(address: str) -> Iterator[str]:
    """Yields the address by which the machine's network reaches a server on the loopback of the cluster's network."""
    port = urlsplit(address).port or 80
    with ThreadPoolExecutor(1, initializer=_enter) as thread:
        # A socket stays in the network in which it was made.
        listener = thread.submit(socket.create_server, (LOOPBACK, 0)).result()
    with listener:
        threading.Thread(target=_accept, args=(listener, port), daemon=True).start()
        try:
            yield f"http://localhost:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # ends `accept`


def _enter() -> None:
    # os.setns comes with Python 3.12.
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(os.environ["EPOCHAL_MACHINE_NETWORK"]).open("rb") as network:
        if libc.setns(network.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "cannot enter the network of the machine")


def _accept(listener: socket.socket, port: int) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_forward, args=(client, port), daemon=True).start()


def _forward(client: socket.socket, port: int) -> None:
    with suppress(OSError), client, socket.create_connection((LOOPBACK, port)) as server:
        answers = threading.Thread(target=_copy, args=(server, client), daemon=True)
        answers.start()
        _copy(client, server)
        answers.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
