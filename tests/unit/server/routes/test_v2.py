"""Open Inference over HTTP."""

import asyncio
import gc
import gzip
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from epochal_server.model.model import Arrays
from epochal_server.refusals import Invalid
from epochal_server.routes.page import describe
from epochal_server.worker_pool import WorkerPool

from tests.kit.served import small
from tests.unit.server.routes.asking import KEY, NOT_YET, protocol_routes, service, serving, workers

REQUEST = {"id": "a", "inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}
AT = "/v2/models/digits"


def summed(inputs: Arrays) -> Arrays:
    return {"y": inputs["x"].sum(axis=1, keepdims=True) * np.array([[1, 2, 3]], np.float32)}


SERVICE = service(small(), summed)


async def test_describes_the_server_and_the_model() -> None:
    async with serving(protocol_routes(SERVICE)) as client:
        for path in ("/v2", "/v2/"):
            content = await (await client.get(path)).json()
            assert content["name"] == "epochal-server"
            assert "binary_tensor_data" in content["extensions"]
        for path in (AT, f"{AT}/versions/3"):
            assert await (await client.get(path)).json() == {
                "name": "digits",
                "versions": ["3"],
                "platform": "onnxruntime_onnx",
                "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
                "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 3]}],
            }
            assert await (await client.get(f"{path}/ready")).json() == {"name": "digits", "ready": True}
        index = await (await client.post("/v2/repository/index")).json()
        assert index == [{"name": "digits", "version": "3", "state": "READY", "reason": ""}]


@pytest.mark.parametrize(("names", "found"), [(["width", "height"], {"features": ["width", "height"]}), (["one"], {})])
async def test_the_first_input_has_the_names_of_its_columns(names: list[str], found: dict[str, list[str]]) -> None:
    table = small()
    table = replace(table, signature=table.signature.model_copy(update={"features": names}))
    async with serving(protocol_routes(service(table, summed))) as client:
        (tensor,) = (await (await client.get(AT)).json())["inputs"]
    assert tensor == {"name": "x", "datatype": "FP32", "shape": [-1, 2]} | found
    assert describe(table)["features"] == found.get("features")


async def test_reports_a_model_that_is_not_ready() -> None:
    async with serving(protocol_routes(service(small(), summed, ready=NOT_YET))) as client:
        response = await client.get(f"{AT}/ready")
        assert (response.status, await response.json()) == (503, {"error": NOT_YET})
        assert response.headers["Retry-After"] == "1"
        assert (await (await client.post("/v2/repository/index")).json())[0]["state"] == "UNAVAILABLE"


@pytest.mark.parametrize("path", [f"{AT}/infer", f"{AT}/versions/3/infer"])
async def test_answers(path: str) -> None:
    async with serving(protocol_routes(SERVICE)) as client:
        response = await client.post(path, json=REQUEST)
        assert response.content_type == "application/json"
        content = await response.json()
        assert content["id"] == "a"
        assert content["outputs"][0]["data"] == [3, 6, 9]


@pytest.mark.parametrize("path", [AT, f"{AT}/versions/3"])
async def test_tritons_configuration_and_statistics_name_the_replacement(path: str) -> None:
    async with serving(protocol_routes(SERVICE)) as client:
        for document, replacement in (
            (f"{path}/config", "GET /v2/models/digits"),
            (f"{path}/stats", "GET /metrics on port 9090"),
            ("/v2/models/stats", "GET /metrics on port 9090"),
        ):
            response = await client.get(document)
            assert (response.status, replacement in (await response.json())["error"]) == (404, True)


async def test_a_model_may_have_the_name_of_the_statistics() -> None:
    async with serving(protocol_routes(service(small(name="stats"), summed))) as client:
        assert (await (await client.get("/v2/models/stats")).json())["name"] == "stats"


async def test_large_bodies_are_decoded_alone() -> None:
    threads = list[str]()

    class OneAtATime(WorkerPool):
        async def run_exclusively(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            threads.append(args[0].func.__name__)
            return await self(function, *args, **kwargs)

    many = {"name": "x", "shape": [50_000, 2], "datatype": "FP32", "data": [1, 2] * 50_000}
    async with serving(protocol_routes(replace(SERVICE, workers=workers(OneAtATime)))) as client:
        responses = await asyncio.gather(*(client.post(f"{AT}/infer", json={"inputs": [many]}) for _ in range(3)))
        for response in responses:
            assert (await response.json())["outputs"][0]["data"] == [3, 6, 9] * 50_000
    assert threads == ["decode"] * 3


async def test_a_large_body_is_decoded_without_garbage_collection() -> None:
    """An error of the body keeps no parsed values in memory, either."""
    collecting = list[bool]()

    class Noting(WorkerPool):
        async def run_exclusively(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            def decode() -> Any:
                collecting.append(gc.isenabled())
                return args[0]()

            with pytest.raises(Invalid) as refused:
                function(decode, **kwargs)
            assert refused.value.__context__ is None
            assert "decode" not in [one.name for one in refused.traceback]
            raise refused.value

    many = {"name": "x", "shape": [50_000, 2], "datatype": "FP32", "data": [1, 1e300] * 50_000}
    async with (
        serving(protocol_routes(replace(SERVICE, workers=workers(Noting)))) as client,
        client.post(f"{AT}/infer", json={"inputs": [many]}) as response,
    ):
        assert response.status == 400
    assert (collecting, gc.isenabled()) == ([False], True)


async def test_answers_binary_tensors() -> None:
    async with serving(protocol_routes(SERVICE)) as client:
        asked = REQUEST | {"parameters": {"binary_data_output": True}}
        response = await client.post(f"{AT}/infer", json=asked)
        assert response.content_type == "application/octet-stream"
        head = int(response.headers["Inference-Header-Content-Length"])
        assert np.frombuffer((await response.read())[head:], np.float32).tolist() == [3, 6, 9]


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_accepts_compressed_bodies(encoding: str, compress: type[bytes]) -> None:
    async with serving(protocol_routes(SERVICE)) as client:
        body = compress(b'{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]}')
        response = await client.post(f"{AT}/infer", data=body, headers={"Content-Encoding": encoding})
        assert (await response.json())["outputs"][0]["data"] == [3, 6, 9]
        bomb = compress(b" " * 9_000_000)
        response = await client.post(f"{AT}/infer", data=bomb, headers={"Content-Encoding": encoding})
        assert response.status == 413
        response = await client.post(f"{AT}/infer", data=body, headers={"Content-Encoding": "br"})
        assert (response.status, "expected gzip or deflate" in (await response.json())["error"]) == (415, True)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/v2/models/other", 'unknown model "other"'),
        ("/v2/models/other/infer", 'unknown model "other"'),
        (f"{AT}/versions/4/infer", 'unknown version 4 of model "digits"'),
        (f"{AT}/versions/4/ready", "unknown version 4"),
    ],
)
async def test_refuses_other_models_and_versions(path: str, message: str) -> None:
    async with serving(protocol_routes(SERVICE)) as client:
        response = await client.request("POST" if path.endswith("infer") else "GET", path, json=REQUEST)
        assert response.status == 404
        assert message in (await response.json())["error"]


async def test_requires_the_key() -> None:
    async with serving(protocol_routes(service(small(), summed, key=True))) as client:
        for path in (AT, f"{AT}/ready", "/v2/models/other"):
            response = await client.get(path)
            assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer")
        for path in (f"{AT}/infer", "/v2/models/other/infer", "/v2/repository/index"):
            assert (await client.post(path, json=REQUEST)).status == 401
        assert (await client.post(f"{AT}/infer", json=REQUEST, headers={"Authorization": KEY})).status == 200
