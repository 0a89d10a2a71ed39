"""Bodies of another media type than JSON or a photograph."""

from collections.abc import Mapping
from typing import Any

import pytest
from epochal_server.protocols.media_type import check_json, check_photograph, declared
from epochal_server.refusals import Unsupported

from tests.kit.served import small
from tests.unit.server.routes.asking import protocol_routes, service, serving
from tests.unit.server.routes.test_v2 import summed

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
JPEG = b"\xff\xd8\xff\xe0" + bytes(40)
WEBP = b"RIFF\x20\0\0\0WEBPVP8 " + bytes(40)
CSV = b"x1,x2\n1,2\n"
BODIES: Mapping[str, Any] = {
    "/v2/models/digits/infer": {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]},
    "/v1/models/digits:predict": {"instances": [[1, 2]]},
    "/ml/v4/deployments/digits/predictions": {"input_data": [{"values": [[1, 2]]}]},
}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (CSV, "text/csv", "Content-Type: expected application/json, found 'text/csv': send the samples as JSON"),
        (CSV, "text/csv; charset=utf-8", "found 'text/csv'"),
        (b"", "application/xml", "found 'application/xml'"),
        (
            PNG,
            "image/png",
            "expected a JSON object, found a PNG picture: send pictures to POST /predict (a ModelServer with ",
        ),
        (PNG, "application/x-www-form-urlencoded", "found a PNG picture"),
        (JPEG, "application/json", "found a JPEG picture"),
        (WEBP, "application/octet-stream", "found a WebP picture"),
    ],
)
async def test_inference_names_the_type_and_the_remedy(path: str, body: bytes, content_type: str, message: str) -> None:
    async with serving(protocol_routes(service(small(), summed))) as client:
        response = await client.post(path, data=body, headers={"Content-Type": content_type})
        assert (response.status, message in await response.text()) == (415, True), await response.text()


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", "text/csv"]
)
async def test_an_object_is_accepted_with_every_type(path: str, content_type: str) -> None:
    async with serving(protocol_routes(service(small(), summed))) as client:
        response = await client.post(path, json=BODIES[path], headers={"Content-Type": content_type})
        assert response.status == 200


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "application/octet-stream", "application/vnd.a+json", "text/json"]
)
def test_the_parser_explains_errors_in_json(content_type: str) -> None:
    check_json(CSV, content_type)


@pytest.mark.parametrize("content_type", ["image/gif", "text/plain", "application/x-www-form-urlencoded", ""])
def test_the_decoder_explains_errors_in_photographs(content_type: str) -> None:
    check_photograph(CSV, content_type, "digits")
    for photograph in (PNG, JPEG, WEBP):
        check_photograph(photograph, "text/csv", "digits")


@pytest.mark.parametrize("content_type", ["application/json", "text/json"])
def test_json_is_no_photograph(content_type: str) -> None:
    with pytest.raises(Unsupported, match="or JSON to /v2/models/digits/infer"):
        check_photograph(b"{}", content_type, "digits")


def test_the_message_has_the_start_of_a_long_type() -> None:
    with pytest.raises(Unsupported) as refused:
        check_json(CSV, declared({"Content-Type": f"Text/{'x' * 5000} ; a=b"}))
    assert "'text/xxx" in refused.value.message
    assert len(refused.value.message) < 200
