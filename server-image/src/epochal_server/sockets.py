"""Listens, before anything else is there: who connects meanwhile waits for an answer, and is not refused."""

import socket

BACKLOG = 1024


def listen(port: int, host: str = "") -> socket.socket:
    """Returns a listening socket: on all addresses, IPv4 and IPv6, unless one is given.

    Args:
        port: Port, or 0 for any that is free.
        host: Address of this machine.

    Raises:
        OSError: If the port is taken.
    """
    dual = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    listener = socket.create_server((host, port), family=family, dualstack_ipv6=dual, backlog=BACKLOG)
    listener.settimeout(0)
    return listener
