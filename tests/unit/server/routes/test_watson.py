"""Watson's online scoring over HTTP."""

import numpy as np
import pytest

from tests.kit.served import digits
from tests.unit.server.routes.asking import protocol_routes, service, serving

V4 = "/ml/v4/deployments/digits/predictions"
V3 = "/v3/wml_instances/0f0e/deployments/digits/online"
SERVICE = service(digits(), lambda inputs: {"digit": np.eye(10, dtype=np.float32)[[7] * len(inputs["image"])]})
ENTRY = {"fields": ["image"], "values": np.zeros((2, 28, 28, 1)).tolist()}


@pytest.mark.parametrize("path", [f"{V4}?version=2020-09-01", V4.removeprefix("/ml")])
async def test_version_4(path: str) -> None:
    async with serving(protocol_routes(SERVICE)) as client:
        response = await client.post(path, json={"input_data": [ENTRY]})
        (response_json,) = (await response.json())["predictions"]
        assert response_json["fields"] == ["prediction", "prediction_classes", "probability"]
        assert [row[1] for row in response_json["values"]] == [7, 7]


@pytest.mark.parametrize("path", [V3, "/v3/wml_instances/0f0e/published_models/12/deployments/digits/online"])
async def test_version_3(path: str) -> None:
    async with serving(protocol_routes(SERVICE)) as client:
        response_json = await (await client.post(path, json=ENTRY)).json()
        assert [row[1] for row in response_json["values"]] == [7, 7]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"{V4}?version=2020-09-01", 400, "invalid_request_entity"),
        (f"{V4}?version=now", 400, "invalid_request_entity"),
        (V3, 400, "invalid_request_entity"),
        ("/ml/v4/deployments/other/predictions", 404, "deployment_does_not_exist"),
    ],
)
async def test_errors_have_the_form_of_watson(path: str, status: int, code: str) -> None:
    async with serving(protocol_routes(SERVICE)) as client:
        response = await client.post(path, json={})
        response_json = await response.json()
        assert (response.status, response_json["errors"][0]["code"]) == (status, code)
