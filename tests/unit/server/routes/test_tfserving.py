"""TensorFlow Serving's REST API over HTTP."""

import pytest

from tests.kit.served import small
from tests.unit.server.routes.asking import NOT_YET, protocol_routes, service, serving
from tests.unit.server.routes.test_v2 import summed

AT = "/v1/models/digits"
SERVICE = service(small(), summed)


@pytest.mark.parametrize("path", [AT, f"{AT}/versions/3"])
async def test_answers(path: str) -> None:
    async with serving(protocol_routes(SERVICE)) as client:
        content = await (await client.post(f"{path}:predict", json={"instances": [[1, 2], [3, 4]]})).json()
        assert content == {"predictions": [[3, 6, 9], [7, 14, 21]]}
        content = await (await client.post(f"{path}:predict", json={"inputs": [[1, 2]]})).json()
        assert content == {"outputs": [[3, 6, 9]]}


@pytest.mark.parametrize("path", [AT, f"{AT}/versions/3"])
async def test_describes_the_model(path: str) -> None:
    async with serving(protocol_routes(SERVICE)) as client:
        content = await (await client.get(path)).json()
        status = {"error_code": "OK", "error_message": ""}
        assert content.pop("model_version_status") == [{"version": "3", "state": "AVAILABLE", "status": status}]
        assert content == {"name": "digits", "ready": True}  # as KServe tells it
        content = await (await client.get(f"{path}/metadata")).json()
        assert content["model_spec"] == {"name": "digits", "signature_name": "", "version": "3"}
        assert content["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"] == {
            "x": {
                "dtype": "DT_FLOAT",
                "tensor_shape": {"dim": [{"size": "-1", "name": ""}, {"size": "2", "name": ""}], "unknown_rank": False},
                "name": "x",
            }
        }


async def test_reports_a_model_that_is_not_ready() -> None:
    async with serving(protocol_routes(service(small(), summed, ready=NOT_YET))) as client:
        whole = await (await client.get(AT)).json()
        assert whole["ready"] is False
        (content,) = whole["model_version_status"]
        assert (content["state"], content["status"]["error_message"]) == ("LOADING", NOT_YET)


async def test_errors_have_the_form_of_tensorflow_serving() -> None:
    async with serving(protocol_routes(SERVICE)) as client:
        response = await client.post(f"{AT}:predict", json={})
        assert (response.status, list(await response.json())) == (400, ["error"])
        for path in ("/v1/models/other", f"{AT}/versions/4"):
            assert (await client.get(path)).status == 404
            assert (await client.post(f"{path}:predict", json={"instances": [[1, 2]]})).status == 404
