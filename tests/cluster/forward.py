"""Loopback ports of the machine that lead to services of the cluster, whose network nothing else can enter."""

import asyncio
import json
import socket
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import network
from paths import BIN, KUBECONFIG
from process import call
from report import Failure, console

MINIO_PORT = 9000
STUDIO_PORT = 8090
FIRST_SERVER_PORT = 8000
MAX_SERVERS = 20
CHUNK = 64 << 10
CONNECT_SECONDS = 10


@dataclass(frozen=True)
class Forward:
    """A loopback port of the machine and the service behind it.

    Args:
        port: The port of the machine.
        scheme: The scheme of its URL, http or https.
        name: Its name, for the user.
        address: IP address and port of the service in the cluster.
    """

    port: int
    scheme: str
    name: str
    address: tuple[str, int]


def services() -> list[Forward]:
    """Return MinIO and Studio, and the model servers from port 8000 on, in the order of their names."""
    minio = _get("service", "minio", "--namespace=minio")
    forwards = [Forward(MINIO_PORT, "http", "MinIO", (minio["spec"]["clusterIP"], MINIO_PORT))]
    studio = _get("service", "epochal-studio", "--namespace=epochal-system", "--ignore-not-found")
    if studio:
        forwards.append(Forward(STUDIO_PORT, "http", "Studio", (studio["spec"]["clusterIP"], 80)))
    if not _get("crd", "modelservers.epochal.dev", "--ignore-not-found"):
        return forwards
    servers = _get("modelservers", "--all-namespaces")["items"]
    ready = [server for server in servers if server.get("status", {}).get("url")]
    if len(ready) > MAX_SERVERS:
        console.print(f"Only the first {MAX_SERVERS} of {len(ready)} ModelServers get a port.")
    for number, server in enumerate(ready[:MAX_SERVERS]):
        scheme = server["status"]["url"].partition(":")[0]
        name, namespace = server["metadata"]["name"], server["metadata"]["namespace"]
        service = _get("service", name, f"--namespace={namespace}")
        address = service["spec"]["clusterIP"], 443 if scheme == "https" else 80
        forwards.append(Forward(FIRST_SERVER_PORT + number, scheme, f"ModelServer {namespace}/{name}", address))
    return forwards


def serve(forwards: list[Forward]) -> None:
    """Forward connections until the user presses Ctrl-C, and print the URLs.

    Raises:
        Failure: A port of the machine is in use.
    """
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(forwards))


async def _serve(forwards: list[Forward]) -> None:
    servers = []
    try:
        for forward in forwards:
            try:
                servers.append(await asyncio.start_server(partial(_forward, forward), "127.0.0.1", forward.port))
            except OSError as error:
                raise Failure(f"port {forward.port} of this machine, for {forward.name}: {error.strerror}") from error
            print(f"{forward.scheme}://localhost:{forward.port}  {forward.name}", flush=True)
        console.print("Ctrl-C ends it.")
        await asyncio.Event().wait()
    finally:
        for server in servers:
            server.close()  # not wait_closed, which waits for all clients


async def _forward(forward: Forward, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with closing(writer), suppress(asyncio.CancelledError):  # Ctrl-C cancels the open connections
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                far_reader, far_writer = await _connect(forward.address)
        except (OSError, TimeoutError) as error:
            console.print(f"{forward.name} does not answer: {error or 'timeout'}")
            return
        with closing(far_writer):
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(reader, far_writer))
                group.create_task(_copy(far_reader, writer))


async def _connect(address: tuple[str, int]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    # A socket stays in the network namespace in which it was made.
    connection = network.inside(lambda: socket.socket(socket.AF_INET))
    connection.settimeout(0)
    await asyncio.get_running_loop().sock_connect(connection, address)
    return await asyncio.open_connection(sock=connection)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy bytes until the sender closes its half of the connection; then close that of the receiver."""
    try:
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()
    except ConnectionError:
        writer.close()


def _get(*arguments: str) -> Any:
    text = network.inside(
        lambda: call(BIN / "kubectl", f"--kubeconfig={KUBECONFIG}", "get", "--output=json", *arguments)
    )
    return json.loads(text or "null")
