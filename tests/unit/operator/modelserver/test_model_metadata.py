"""The client for model metadata, against the routes of a real server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from epochal_api.modelserver.status import Tensor
from epochal_api.signature import Signature
from epochal_operator.modelserver import cache_transform
from epochal_operator.modelserver.model_annotation import metadata_key
from epochal_operator.modelserver.model_metadata import MetadataClient, fetch
from epochal_operator.runtime.api.resource import Key
from epochal_server.routes.metrics import metrics_routes
from prometheus_client import CollectorRegistry

from tests.unit.operator.modelserver.servers import MODEL, SHA, pod
from tests.unit.operator.objects import NOW

KEY = Key("vision", "digits")
METADATA_KEY = metadata_key(MODEL)
PINNED = MODEL.model_copy(update={"signature_sha256": "5" * 64})
SIGNATURE = Signature.model_validate(
    {
        "inputs": [{"name": "image", "shape": [28, 28, 1], "dtype": "float32"}],
        "outputs": [{"name": "class", "shape": [-1], "dtype": "float32"}],
        "models": [{"model": "Last", "keras": {"name": "model.keras", "sha256": SHA}}],
    }
)
INPUTS = (Tensor(name="image", shape=[28, 28, 1], dtype="float32"),)
OUTPUTS = (Tensor(name="class", shape=[-1], dtype="float32"),)


class Server:
    """A server with the metrics routes of a model server.

    Attributes:
        signature: Signature of its model; None until it is ready.
        port: Its port.
    """

    signature: Signature | None = SIGNATURE
    port = 0


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    one, app = Server(), web.Application()
    app.add_routes(metrics_routes(CollectorRegistry(), lambda: one.signature))
    async with TestServer(app, host="127.0.0.1") as running:
        assert running.port is not None
        one.port = running.port
        yield one


@asynccontextmanager
async def model_route(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[int]:
    """Serve /model with a handler, and yield the port."""
    app = web.Application()
    app.add_routes([web.get("/model", handler)])
    async with TestServer(app, host="127.0.0.1") as running:
        yield running.port or 0


def ready(ip: str | None = "127.0.0.1", name: str = "digits-1-a") -> Any:
    status: dict[str, Any] = {"podIP": ip} if ip else {}
    return cache_transform.pod(pod(name, ready=True, **status))


async def test_fetch_returns_tensors(server: Server) -> None:
    metadata = await fetch("127.0.0.1", METADATA_KEY, server.port)
    assert metadata is not None
    assert (metadata.model, metadata.inputs, metadata.outputs) == (METADATA_KEY, INPUTS, OUTPUTS)


async def test_metadata_has_no_class_names_of_outputs(server: Server) -> None:
    named = SIGNATURE.outputs[0].model_copy(update={"probabilities": True, "classes": ["long name" * 12] * 1000})
    server.signature = SIGNATURE.model_copy(update={"outputs": [named]})
    metadata = await fetch("127.0.0.1", METADATA_KEY, server.port)
    assert metadata is not None
    assert metadata.outputs == OUTPUTS


async def test_pinned_signature_is_fetched_once(server: Server) -> None:
    client = MetadataClient(lambda: NOW, server.port)
    assert await client.fetch(KEY, PINNED, (cache_transform.pod(pod()), ready())), "of the pod that is ready"
    metadata = client.cached(KEY)
    assert metadata is not None
    assert not await client.fetch(KEY, PINNED, (ready(), ready(name="other")))
    known = PINNED.model_copy(update={"sha256": "f" * 64, "inputs": [*INPUTS]})
    assert not await client.fetch(KEY, known, (ready(),)), "the status tells of it already"
    assert await client.fetch(KEY, PINNED.model_copy(update={"sha256": "f" * 64}), (ready(),))
    client.forget(KEY)
    assert client.cached(KEY) is None


async def test_another_signature_of_the_same_model_is_fetched(server: Server) -> None:
    client = MetadataClient(lambda: NOW, server.port)
    assert await client.fetch(KEY, MODEL, (ready(name="old"),))
    renamed = INPUTS[0].model_copy(update={"name": "picture"})
    server.signature = Signature.model_validate(SIGNATURE.model_dump() | {"inputs": [renamed.model_dump()]})
    assert await client.fetch(KEY, PINNED, (ready(name="new"),))
    metadata = client.cached(KEY)
    assert metadata is not None
    assert metadata.inputs == (renamed,)


async def test_unpinned_signature_is_fetched_once_per_pod(server: Server) -> None:
    client, known = MetadataClient(lambda: NOW, server.port), MODEL.model_copy(update={"inputs": [*INPUTS]})
    first, second = ready(name="first"), ready(name="second")
    assert await client.fetch(KEY, known, (first,))
    server.signature = SIGNATURE.model_copy(update={"classes": ["a", "b"]})
    assert await client.fetch(KEY, known, (first, second))
    assert not await client.fetch(KEY, known, (first, second))
    metadata = client.cached(KEY)
    assert metadata is not None
    assert metadata.signatures == {"first": SIGNATURE.digest(), "second": server.signature.digest()}
    assert await client.fetch(KEY, known, (second, ready(name="third"))), "what is gone is forgotten"
    assert (client.cached(KEY) or metadata).signatures.keys() == {"second", "third"}


async def test_failed_pod_is_retried_later(server: Server) -> None:
    now = NOW
    client = MetadataClient(lambda: now, server.port)
    server.signature = None
    assert not await client.fetch(KEY, MODEL, (ready(),))
    server.signature = SIGNATURE
    assert not await client.fetch(KEY, MODEL, (ready(),))
    now += timedelta(minutes=5)
    assert await client.fetch(KEY, MODEL, (ready(),))


async def test_failed_pod_does_not_block_other_pods(server: Server) -> None:
    client = MetadataClient(lambda: NOW, server.port)
    pods = ready("127.0.0.2", name="silent"), ready(name="second"), ready(name="third")
    assert not await client.fetch(KEY, MODEL, pods)
    assert [await client.fetch(KEY, MODEL, pods) for _ in range(3)] == [True, True, False]
    metadata = client.cached(KEY)
    assert metadata is not None
    assert metadata.signatures.keys() == {"second", "third"}


@pytest.mark.parametrize("pods", [(), (cache_transform.pod(pod()),), (ready(None),)])
async def test_no_request_without_a_ready_pod(pods: Any) -> None:
    assert not await MetadataClient(lambda: NOW).fetch(KEY, MODEL, pods)
    assert not await MetadataClient(lambda: NOW).fetch(KEY, None, (ready(),))


@pytest.mark.parametrize("address", ["127.0.0.1", "epochal.example.com", "127.0.0.1/x", "::1"])
async def test_unreachable_address_returns_none(address: str, unused_tcp_port: int) -> None:
    assert await fetch(address, METADATA_KEY, unused_tcp_port) is None


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "[]",
        '{"inputs": []}',
        '{"inputs": [{"name": "x"}], "outputs": []}',
        '{"inputs": [{"name": "x", "shape": [9223372036854775808], "dtype": "float32"}], "outputs": []}',
        "x" * 99999,
    ],
)
async def test_invalid_response_returns_none(answer: str) -> None:
    async def about(_: web.Request) -> web.Response:
        return web.Response(text=answer)

    async with model_route(about) as port:
        assert await fetch("127.0.0.1", METADATA_KEY, port) is None


async def test_chunked_response_is_read() -> None:
    text = SIGNATURE.model_dump_json(include={"inputs", "outputs"}).encode()

    async def about(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for at in range(0, len(text), 50):
            await answer.write(text[at : at + 50])
            await asyncio.sleep(0.01)
        return answer

    async with model_route(about) as port:
        metadata = await fetch("127.0.0.1", METADATA_KEY, port)
    assert metadata is not None
    assert (metadata.inputs, metadata.outputs) == (INPUTS, OUTPUTS)


async def test_redirects_are_not_followed(server: Server) -> None:
    async def elsewhere(_: web.Request) -> web.Response:
        raise web.HTTPFound(f"http://127.0.0.1:{server.port}/model")

    async with model_route(elsewhere) as port:
        assert await fetch("127.0.0.1", METADATA_KEY, port) is None
