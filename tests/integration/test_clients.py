"""Requests as the clients send them that people have, byte by byte: too large to install, they are written out here.

What they send:
https://github.com/kserve/kserve/blob/master/python/kserve/kserve/inference_client.py and protocol/infer_type.py
https://ibm.github.io/watson-machine-learning-sdk/ (client.deployments.score), by way of requests
https://www.tensorflow.org/tfx/serving/api_rest, by curl
"""

import json
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import pytest

from tests.kit import digits_model
from tests.kit.digits_model import INPUT, OUTPUT, SIDE
from tests.kit.model_server import serving

TOKEN = "eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmVk"
IMAGES = np.random.default_rng(0).random((2, SIDE, SIDE, 1), np.float32)
SHAPE = list(IMAGES.shape)
HEADER_LENGTH = "inference-header-content-length"
HTTPX = {
    "accept": "*/*",
    "accept-encoding": "gzip, deflate, br, zstd",
    "connection": "keep-alive",
    "user-agent": "python-httpx/0.27.2",
    "authorization": f"Bearer {TOKEN}",
}
"""Headers of KServe's client: it sends JSON without a content type."""
REQUESTS = {
    "User-Agent": "python-requests/2.32.4",
    "Accept-Encoding": "gzip, deflate",
    "Accept": "*/*",
    "Connection": "keep-alive",
    "Authorization": f"Bearer {TOKEN}",
    "X-WML-User-Client": "PythonClient",
    "Content-Type": "application/json",
}
"""Headers of IBM's clients."""
OLDER = REQUESTS | {
    "ML-Instance-ID": "8f0a7d0e-7b5f-4f6e-9a3c-5a4c9a5f7d11",
    "x-wml-internal-switch-to-new-v4": "true",
    "x-global-transaction-id": "0a1b2c3d4e5f",
}
"""Headers of their older versions, or of requests in a transaction."""
CURL = {
    "User-Agent": "curl/8.5.0",
    "Accept": "*/*",
    "Authorization": f"Bearer {TOKEN}",
    "Content-Type": "application/x-www-form-urlencoded",
}
"""Headers of `curl -d`: the documentation of TensorFlow Serving names no content type."""
V4 = "/ml/v4/deployments/digits/predictions"
V3 = "/v3/wml_instances/8f0a7d0e-7b5f-4f6e-9a3c-5a4c9a5f7d11"
PIXELS = [f"pixel{at}" for at in range(SIDE * SIDE)]


class Response(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Sends requests with exactly these headers over one connection."""

    def __init__(self, connection: HTTPConnection) -> None:
        self._connection = connection

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Response:
        """Returns the response to a request that has these headers, the host and the length of its body."""
        length = {"Content-Length": str(len(body))} if method == "POST" else {}
        self._connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in (headers | length).items():
            self._connection.putheader(name, value)
        self._connection.endheaders(body)
        found = self._connection.getresponse()
        return Response(found.status, {name.lower(): value for name, value in found.getheaders()}, found.read())

    def post(self, path: str, headers: dict[str, str], body: bytes | Any) -> Response:
        """Returns the response to a POST that is answered: of JSON as IBM's clients and KServe's write it."""
        found = self.send("POST", path, headers, body if isinstance(body, bytes) else json.dumps(body).encode())
        assert found.status == 200, found.body
        return found


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("server")
    keys = {"token": TOKEN}
    with serving(folder, digits_model.model(), digits_model.signature(), keys=keys) as address:
        connection = HTTPConnection(address.removeprefix("http://"), timeout=30)
        yield Client(connection)
        connection.close()


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    (found,) = onnxruntime.InferenceSession(digits_model.model()).run(None, {INPUT: IMAGES})
    return np.asarray(found)


def same(found: Any, expected: np.ndarray) -> None:
    np.testing.assert_allclose(np.asarray(found, np.float32), expected, rtol=1e-5, atol=1e-6)


def kserve(*, as_bytes: bool, **more: Any) -> tuple[dict[str, str], bytes]:
    """Returns headers and body of an InferRequest: values lie flat, or after the JSON."""
    image: dict[str, Any] = {"name": INPUT, "shape": SHAPE, "datatype": "FP32"}
    if as_bytes:
        image["parameters"] = {"binary_data_size": IMAGES.nbytes}
    else:
        image["data"] = IMAGES.ravel().tolist()
    asked = {"id": "4be4e82f-5500-420a-a5c5-ac86841e271b", "model_name": "digits", "inputs": [image], **more}
    head = json.dumps(asked, separators=(",", ":")).encode()
    if not as_bytes:
        return HTTPX, head
    length = {HEADER_LENGTH: str(len(head)), "content-type": "application/octet-stream"}
    return HTTPX | length, head + IMAGES.tobytes()


@pytest.mark.parametrize("as_bytes", [False, True], ids=["json", "bytes"])
@pytest.mark.parametrize(
    ("more", "takes_bytes"),
    [
        ({}, None),
        ({"outputs": [{"name": OUTPUT}]}, None),
        ({"outputs": [{"name": OUTPUT, "parameters": {"binary_data": False}}]}, False),
        ({"outputs": [{"name": OUTPUT, "parameters": {"binary_data": True}}]}, True),
        ({"parameters": {"binary_data_output": True}}, True),
        ({"parameters": {"binary_data_output": False}}, False),
    ],
    ids=["unasked", "named", "json", "bytes", "all as bytes", "all as json"],
)
def test_kserves_client_is_answered_by_v2(
    client: Client, expected: np.ndarray, more: dict[str, Any], *, as_bytes: bool, takes_bytes: bool | None
) -> None:
    headers, body = kserve(as_bytes=as_bytes, **more)
    found = client.post("/v2/models/digits/infer", headers, body)
    # As the client reads it: without the header, all of it is JSON.
    length = int(found.headers.get(HEADER_LENGTH, len(found.body)))
    answer = json.loads(found.body[:length])
    assert (answer["id"], answer["model_name"]) == ("4be4e82f-5500-420a-a5c5-ac86841e271b", "digits")
    (output,) = answer["outputs"]
    assert (output["name"], output["shape"], output["datatype"]) == (OUTPUT, [2, 10], "FP32")
    if takes_bytes is not None:
        assert ("data" in output) is not takes_bytes
    if "data" in output:
        values = np.asarray(output["data"], np.float32)
    else:
        assert output["parameters"]["binary_data_size"] == len(found.body) - length
        values = np.frombuffer(found.body[length:], np.float32)
    same(values.reshape(output["shape"]), expected)


def test_kserves_client_sees_readiness(client: Client) -> None:
    assert client.send("GET", "/v2/health/live", HTTPX).json["live"] is True
    assert client.send("GET", "/v2/health/ready", HTTPX).json["ready"] is True
    assert client.send("GET", "/v2/models/digits/ready", HTTPX).status == 200
    assert client.send("GET", "/v2/models/other/ready", HTTPX).status == 404


def test_kserves_client_is_answered_by_v1(client: Client, expected: np.ndarray) -> None:
    found = client.post("/v1/models/digits:predict", HTTPX, {"instances": IMAGES.tolist()})
    same(found.json["predictions"], expected)


def test_kserves_client_sees_readiness_by_v1(client: Client) -> None:
    assert client.send("GET", "/v1/models/digits", HTTPX).json["ready"] is True


def test_kserves_client_gets_the_error(client: Client) -> None:
    headers, body = kserve(as_bytes=False)
    found = client.send("POST", "/v2/models/digits/infer", headers, body.replace(b"FP32", b"FP64"))
    # It shows the message of no other type than this very one.
    assert (found.status, found.headers["content-type"]) == (400, "application/json")
    assert "FP64" in found.json["error"]


@pytest.mark.parametrize(
    "query",
    ["?version=2020-09-01", "?version=2026-11-27", "?version=2021-05-01&space_id=3fc54cf1-252f-424b-b52d-5cdd9814987f"],
)
@pytest.mark.parametrize("headers", [REQUESTS, OLDER], ids=["now", "before"])
def test_ibms_client_is_answered(client: Client, expected: np.ndarray, headers: dict[str, str], query: str) -> None:
    values = {
        "numpy": {"values": IMAGES.tolist()},
        "flat": {"values": IMAGES.reshape(2, -1).tolist()},
        "pandas": {"values": IMAGES.reshape(2, -1).tolist(), "fields": PIXELS},
        "named": {"fields": [INPUT], "values": IMAGES.tolist()},
        "with an id": {"id": INPUT, "values": IMAGES.tolist()},
    }
    for name, entry in values.items():
        (answer,) = client.post(V4 + query, headers, {"input_data": [entry]}).json["predictions"]
        assert answer["fields"] == ["prediction", "prediction_classes", "probability"], name
        same([row[0] for row in answer["values"]], expected)
        assert [row[1] for row in answer["values"]] == expected.argmax(axis=1).tolist()


def test_scoring_at_the_path_of_the_beta_is_answered(client: Client, expected: np.ndarray) -> None:
    (answer,) = client.post(
        "/v4/deployments/digits/predictions", OLDER, {"input_data": [{"values": IMAGES.tolist()}]}
    ).json["predictions"]
    same([row[0] for row in answer["values"]], expected)


def test_ibms_client_of_2018_is_answered(client: Client, expected: np.ndarray) -> None:
    for path in (f"{V3}/deployments/digits/online", f"{V3}/published_models/any/deployments/digits/online"):
        answer = client.post(path, OLDER, {"values": IMAGES.tolist()}).json
        same([row[answer["fields"].index("probability")] for row in answer["values"]], expected)


def test_ibms_client_gets_the_error(client: Client) -> None:
    body = json.dumps({"input_data": [{"values": [[1.0]]}]}).encode()
    found = client.send("POST", f"{V4}?version=2020-09-01", REQUESTS, body)
    assert found.status == 400
    (error,) = found.json["errors"]
    assert "expected float32 of shape" in error["message"]


def test_curl_of_tensorflow_servings_documentation_is_answered(client: Client, expected: np.ndarray) -> None:
    asked = {"signature_name": "serving_default", "instances": IMAGES.tolist()}
    for path in ("/v1/models/digits:predict", "/v1/models/digits/versions/1:predict"):
        same(client.post(path, CURL, asked).json["predictions"], expected)
    state = client.send("GET", "/v1/models/digits", CURL).json["model_version_status"][0]
    assert (state["version"], state["state"]) == ("1", "AVAILABLE")


@pytest.mark.parametrize("path", ["/v2/models/digits/infer", V4, "/v1/models/digits:predict"])
def test_an_unknown_token_is_refused(client: Client, path: str) -> None:
    assert client.send("POST", path, REQUESTS | {"Authorization": "Bearer another"}, b"{}").status == 401
