"""Who sends a body slowly, or only says that one will come, takes nothing from others."""

import asyncio
import json

from aiohttp import web
from aiohttp.typedefs import Handler
from epochal_server.model.model import Arrays
from epochal_server.routes.request_body import RESERVATION

from tests.kit.served import small
from tests.unit.server.routes.asking import protocol_routes, service, serving

ASKED = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}


def answer(inputs: Arrays) -> Arrays:
    return {"y": inputs["x"][:, [0, 0, 1]]}


async def test_what_is_but_announced_takes_no_room() -> None:
    served = service(small(), answer)
    most = served.model.limits.request_bytes
    async with serving(protocol_routes(served)) as client:
        url = client._base_url
        assert url is not None
        silent = [await asyncio.open_connection(url.host, url.port) for _ in range(5)]
        for _, writer in silent:
            head = f"POST /v2/models/digits/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {most}\r\n\r\n"
            writer.write(head.encode())
            await writer.drain()
        await asyncio.sleep(0.1)
        response = await client.post("/v2/models/digits/infer", data=json.dumps(ASKED))
        assert response.status == 200
        for _, writer in silent:
            writer.close()


async def test_what_has_come_takes_room() -> None:
    held: list[int] = []

    @web.middleware
    async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        finally:
            held.append(request[RESERVATION].size)

    body = json.dumps(ASKED).encode() + b" " * 300_000
    async with serving(protocol_routes(service(small(), answer)), around) as client:
        response = await client.post("/v2/models/digits/infer", data=body)
        assert response.status == 200
    assert held == [len(body) + 5 * 3 * 4]  # and its answer, with its JSON
