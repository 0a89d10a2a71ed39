"""Admission of connections: no client address blocks the others."""

import asyncio
import socket
from collections.abc import Iterator

import pytest
from epochal_operator.web.connections import Connections


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    pairs = [socket.socketpair() for _ in range(8)]
    yield [one for one, _ in pairs]
    for one, other in pairs:
        one.close()
        other.close()


def ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False


async def test_the_connections_of_an_address_are_limited(sockets: list[socket.socket]) -> None:
    connections = Connections(8, 2)
    assert [await connections.admit(one, "a") for one in sockets[:3]] == [True, True, False]
    connections.release(sockets[0])
    assert await connections.admit(sockets[3], "a")


async def test_the_busiest_address_loses_its_oldest_connection(sockets: list[socket.socket]) -> None:
    connections = Connections(6, 4)
    for one, client in zip(sockets, "baaabb", strict=False):
        assert await connections.admit(one, client)
    assert await connections.admit(sockets[6], "c")
    assert [ended(one) for one in sockets[:7]] == [True] + [False] * 6
    assert await connections.admit(sockets[7], "d")
    assert [ended(one) for one in sockets[:8]] == [True, True] + [False] * 6


async def test_a_new_address_waits_if_no_address_has_two_connections(sockets: list[socket.socket]) -> None:
    connections = Connections(2, 4)
    for one, client in zip(sockets, "aab", strict=False):
        assert await connections.admit(one, client)
    connections.release(sockets[0])  # The connection has ended before: a second release makes no room.
    waiting = asyncio.create_task(connections.admit(sockets[3], "c"))
    await asyncio.sleep(0)
    assert not waiting.done()
    connections.release(sockets[1])
    assert await waiting


async def test_an_address_with_as_many_connections_as_any_gets_no_more(sockets: list[socket.socket]) -> None:
    connections = Connections(2, 4)
    for one, client in zip(sockets, "ab", strict=False):
        assert await connections.admit(one, client)
    assert not await connections.admit(sockets[2], "a")
    assert not any(map(ended, sockets))
