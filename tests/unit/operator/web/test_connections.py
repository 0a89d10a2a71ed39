"""Nobody keeps others from being connected."""

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


async def test_one_address_gets_so_many(sockets: list[socket.socket]) -> None:
    held = Connections(8, 2)
    assert [await held.admit(one, "a") for one in sockets[:3]] == [True, True, False]
    held.release(sockets[0])
    assert await held.admit(sockets[3], "a")


async def test_the_oldest_of_the_greediest_goes_for_one_that_has_fewer(sockets: list[socket.socket]) -> None:
    held = Connections(6, 4)
    for one, client in zip(sockets, "baaabb", strict=False):
        assert await held.admit(one, client)
    assert await held.admit(sockets[6], "c")
    assert [ended(one) for one in sockets[:7]] == [True] + [False] * 6
    assert await held.admit(sockets[7], "d")
    assert [ended(one) for one in sockets[:8]] == [True, True] + [False] * 6


async def test_one_that_has_none_waits_where_nobody_has_two(sockets: list[socket.socket]) -> None:
    held = Connections(2, 4)
    for one, client in zip(sockets, "aab", strict=False):
        assert await held.admit(one, client)
    held.release(sockets[0])  # It has ended for good by now: that makes no room twice.
    waiting = asyncio.create_task(held.admit(sockets[3], "c"))
    await asyncio.sleep(0)
    assert not waiting.done()
    held.release(sockets[1])
    assert await waiting


async def test_who_has_as_many_as_any_gets_no_more(sockets: list[socket.socket]) -> None:
    held = Connections(2, 4)
    for one, client in zip(sockets, "ab", strict=False):
        assert await held.admit(one, client)
    assert not await held.admit(sockets[2], "a")
    assert not any(map(ended, sockets))
