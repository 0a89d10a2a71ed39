"""A held port is free for its own server only."""

import errno
import socket
from contextlib import closing

import pytest

from tests.kit.ports import LOOPBACK, hold, port_of


def take(number: int) -> None:
    """Takes a port as one that the kernel has found to be free."""
    with closing(socket.socket()) as other:
        other.bind((LOOPBACK, number))


def test_a_held_port_can_be_listened_to_again_and_again() -> None:
    with closing(hold()) as holding:
        number = port_of(holding)
        for _ in range(2):
            with socket.create_server((LOOPBACK, number)), socket.create_connection((LOOPBACK, number)):
                pass
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((LOOPBACK, number))
        with pytest.raises(OSError, match="in use") as refused:
            take(number)
        assert refused.value.errno == errno.EADDRINUSE
    with closing(hold()) as other:
        free = port_of(other)
    take(free)
