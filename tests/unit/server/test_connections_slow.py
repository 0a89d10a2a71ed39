"""Whoever keeps connections for themselves keeps nobody else out."""

import asyncio
import json

from aiohttp import ClientSession
from epochal_lib.sockets import listen
from epochal_server.access_log import AccessLog
from epochal_server.bookkeeping import Bookkeeping
from epochal_server.connections import Connections
from epochal_server.intake import Intake
from epochal_server.listening import Listening
from epochal_server.metrics import Metrics
from epochal_server.model import Arrays
from epochal_server.requests import around_all
from epochal_server.routes.v2 import routes

from tests.kit.served import small
from tests.unit.server.routes.asking import service

INFER = "/v2/models/digits/infer"
ASKED = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}
SLOW = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{{"


def answer(inputs: Arrays) -> Arrays:
    return {"y": inputs["x"][:, [0, 0, 1]]}


async def test_who_sends_slowly_keeps_nobody_out() -> None:
    listener = listen(0, "127.0.0.1")
    port = listener.getsockname()[1]
    bookkeeping = Bookkeeping(Metrics(lambda: 0), AccessLog(lambda _: None), lambda: False)
    around = around_all(bookkeeping, Intake(8, 1000))
    serving = Listening(routes(service(small(), answer)), around, Connections(most=3))
    await serving.start(listener)
    try:
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for _, writer in slow:
            writer.write(SLOW.encode())
            await writer.drain()
            await asyncio.sleep(0.05)
        async with ClientSession(f"http://127.0.0.1:{port}/") as client:
            for _ in range(3):
                assert (await client.post(INFER, data=json.dumps(ASKED))).status == 200
            assert await slow[0][0].read() == b""  # the one that was there for the longest time
        for reader, writer in slow[1:]:
            assert not reader.at_eof()
            writer.close()
        slow[0][1].close()
    finally:
        await serving.stop()
        listener.close()
