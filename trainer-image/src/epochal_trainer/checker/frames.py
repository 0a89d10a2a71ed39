"""The messages between the server and the processes that it forks: an order to fork, and frames.

A frame is content after its length, a big-endian 32-bit integer.
"""

import asyncio
import socket
import struct

FORK = b"F"
"""The order to fork: one byte, sent with an open socket on which the new process receives its question."""
_HEAD = struct.Struct(">I")


def send_frame(connection: socket.socket, content: bytes) -> None:
    """Send a frame on a blocking socket."""
    connection.sendall(_HEAD.pack(len(content)) + content)


def receive_frame(connection: socket.socket) -> bytes | None:
    """Return the content of the next frame of a blocking socket, or None if the other end has closed it."""
    head = _receive(connection, _HEAD.size)
    return None if head is None else _receive(connection, _HEAD.unpack(head)[0])


def _receive(connection: socket.socket, size: int) -> bytes | None:
    content = bytearray()
    while len(content) < size:
        part = connection.recv(size - len(content))
        if not part:
            return None
        content += part
    return bytes(content)


def send_fork(connection: socket.socket, served: socket.socket) -> None:
    """Send the process at the other end the order to fork, with the socket `served` for the new process.

    Raises:
        OSError: If the process has ended.
    """
    socket.send_fds(connection, [FORK], [served.fileno()])


def receive_fork(connection: socket.socket) -> socket.socket | None:
    """Wait for an order to fork, and return the socket for the new process; None if the other end has closed."""
    order, files, _, _ = socket.recv_fds(connection, len(FORK), 1)
    return socket.socket(fileno=files[0]) if order and files else None


async def exchange(connection: socket.socket, content: bytes, limit: int) -> bytes | None:
    """Send a frame on a non-blocking socket, and return the content of the frame that the other end sends back.

    Return None if the other end closes the socket.

    Args:
        connection: The socket.
        content: Content of the frame to send.
        limit: Maximum bytes of the answer.

    Raises:
        ValueError: If the answer is larger.
    """
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(connection, _HEAD.pack(len(content)) + content)
        return await receive(connection, limit)
    except ConnectionError:
        return None


async def receive(connection: socket.socket, limit: int) -> bytes | None:
    """Return the content of the next frame of a non-blocking socket, or None if the other end closes it.

    Raises:
        ValueError: If the frame is larger than `limit` bytes.
    """
    head = await _read(connection, _HEAD.size)
    if head is None:
        return None
    size = _HEAD.unpack(head)[0]
    if size > limit:
        raise ValueError(f"a frame must have at most {limit:,} bytes, found {size:,}")
    return await _read(connection, size)


async def _read(connection: socket.socket, size: int) -> bytes | None:
    content = bytearray()
    while len(content) < size:
        part = await asyncio.get_running_loop().sock_recv(connection, size - len(content))
        if not part:
            return None
        content += part
    return bytes(content)
