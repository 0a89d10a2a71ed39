"""The proxy of the fake API server passes requests on as the real one does."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web

from tests.kit.fake.proxies import NOT_REACHED
from tests.kit.fake.server import FakeApiServer

ROOT = "/api/v1/namespaces/vision"


async def echo(request: web.Request) -> web.Response:
    heard = {"method": request.method, "path": request.raw_path, "headers": dict(request.headers)}
    return web.json_response({**heard, "body": (await request.read()).decode()}, status=207, headers={"X-Own": "1"})


@pytest.fixture
async def server() -> AsyncIterator[FakeApiServer]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with FakeApiServer("vision") as found:
            found.proxies["services", "vision", "https:digits:https"] = address
            found.proxies["pods", "vision", "digits-0:9090"] = address
            found.proxies["pods", "vision", "digits-1:9090"] = "http://127.0.0.1:1"
            yield found
    finally:
        await runner.cleanup()


async def test_passes_on_everything_but_the_token(server: FakeApiServer) -> None:
    path = f"{ROOT}/services/https:digits:https/proxy/v1/a%20b?c=d%26e"
    headers = {"Authorization": "Bearer token", "X-API-Key": "key", "Content-Type": "image/png"}
    async with (
        ClientSession() as client,
        client.post(f"{server.address}{path}", data=b"abc", headers=headers) as answer,
    ):
        assert (answer.status, answer.headers["X-Own"]) == (207, "1")
        heard = await answer.json()
    assert (heard["method"], heard["path"], heard["body"]) == ("POST", "/v1/a%20b?c=d%26e", "abc")
    assert (heard["headers"]["X-API-Key"], heard["headers"]["Content-Length"]) == ("key", "3")
    assert "Authorization" not in heard["headers"]
    assert (server.asked[-1].verb, server.asked[-1].resource) == ("create", "services/proxy")


async def test_pods_that_do_not_exist_or_do_not_listen(server: FakeApiServer) -> None:
    async with ClientSession(server.address) as client:
        async with client.get(f"{ROOT}/pods/digits-0:9090/proxy/metrics") as answer:
            assert (answer.status, (await answer.json())["path"]) == (207, "/metrics")
        async with client.get(f"{ROOT}/pods/digits-1:9090/proxy/metrics") as answer:
            content = await answer.json()
            assert (answer.status, content["kind"], content["message"]) == (503, "Status", NOT_REACHED)
        async with client.get(f"{ROOT}/services/digits:http/proxy/") as answer:
            assert (answer.status, "no endpoints" in (await answer.json())["message"]) == (503, True)
