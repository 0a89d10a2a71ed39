"""Opens the listening socket of a server."""

import socket

BACKLOG = 1024


def listen(port: int, host: str = "", *, backlog: int = BACKLOG) -> socket.socket:
    """Return a non-blocking listening socket, by default on all IPv4 and IPv6 addresses. Port 0 is any free port.

    Raises:
        OSError: If the port is in use.
    """
    dual = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    listener = socket.create_server((host, port), family=family, dualstack_ipv6=dual, backlog=backlog)
    listener.settimeout(0)
    return listener
