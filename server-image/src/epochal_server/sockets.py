"""Opens the listening sockets before the server is ready: early clients wait instead of being refused."""

import socket

BACKLOG = 1024


def listen(port: int, host: str = "") -> socket.socket:
    """Return a listening socket, on all IPv4 and IPv6 addresses unless an address is given.

    Args:
        port: Port, or 0 for any free port.
        host: Address of this machine.

    Raises:
        OSError: If the port is in use.
    """
    dual = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    listener = socket.create_server((host, port), family=family, dualstack_ipv6=dual, backlog=BACKLOG)
    listener.settimeout(0)
    return listener
