"""Ports of the loopback that are kept for a server that is about to start, or to start again."""

import socket

LOOPBACK = "127.0.0.1"


def hold() -> socket.socket:
    """Returns a socket that reserves a free port until it is closed.

    Whoever is told the port may listen to it, as servers do that may start again at once: with SO_REUSEADDR, an address
    is shared as long as no more than one listens. https://man7.org/linux/man-pages/man7/socket.7.html
    """
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((LOOPBACK, 0))
    return found


def port_of(held: socket.socket) -> int:
    return int(held.getsockname()[1])
