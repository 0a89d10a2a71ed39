"""Requests and responses of Open Inference v2."""

import json
from contextlib import suppress
from typing import Any

import numpy as np
import orjson
import pytest
from epochal_server.model.datatypes import DATA_TYPES
from epochal_server.model.model import Arrays, Model
from epochal_server.protocols.protocol import HEADER_LENGTH, Body
from epochal_server.protocols.v2 import encode
from epochal_server.protocols.v2_request import MAX_CACHED, Decoder, Head, Output
from epochal_server.refusals import Invalid
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import np_to_triton_dtype

from tests.kit.served import DIGITS, digits, model, pair, small, spec, texts
from tests.unit.server.protocols.test_json_body import JSON

X = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1.5, 2]}
COUNT = {"name": "count", "shape": [1], "datatype": "INT64", "data": [1]}


def decode(body: bytes, header: str | None, model: Model) -> tuple[Arrays, Head]:
    return Decoder(model).decode(body, header)


def parts(body: Body) -> tuple[bytes, int | None]:
    """Returns a body, and the length of its JSON if bytes follow."""
    length = body.headers.get(HEADER_LENGTH)
    return body.content, None if length is None else int(length)


def infer_request(**fields: Any) -> bytes:
    return json.dumps({"inputs": [X]} | fields).encode()


def changed(**fields: Any) -> bytes:
    return infer_request(inputs=[{name: value for name, value in (X | fields).items() if value != "none"}])


def response(body: bytes, model: Model, answers: Arrays, header: str | None = None) -> tuple[dict[str, Any], bytes]:
    """Return the JSON of a response, and the bytes after it."""
    content, head = parts(encode(decode(body, header, model)[1], model, answers))
    return orjson.loads(content[:head]), content[len(content) if head is None else head :]


@pytest.mark.parametrize("data", [[1.5, 2], [[1.5, 2]], [[1.5], [2]], [1.5, 2.0]])
def test_data_may_be_flat_or_nested(data: Any) -> None:
    inputs, found = decode(changed(data=data), None, small())
    assert inputs["x"].tolist() == [[1.5, 2]]
    assert inputs["x"].dtype == np.float32
    assert found.outputs == (Output("y", binary=False),)


def test_encodes_outputs_as_json() -> None:
    content, rest = response(
        infer_request(id="7", parameters={"colour": "red", "binary_data_output": False}),
        small(),
        {"y": np.array([[0.1, 0.2, 0.7]], np.float32)},
    )
    assert content == {
        "model_name": "digits",
        "model_version": "3",
        "id": "7",
        "parameters": {"colour": "red"},
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 3], "data": [0.1, 0.2, 0.7]}],
    }
    assert rest == b""


@pytest.mark.parametrize("dtype", sorted(served.name for served in DATA_TYPES if served.kind != "O"))
@pytest.mark.parametrize("binary", [False, True])
def test_encodes_every_datatype(dtype: str, *, binary: bool) -> None:
    served = model([spec("x", (2,))], [spec("y", (3,), dtype)])
    answers = {"y": np.array([[0, 1, 0], [1, 1, 1]], dtype)}
    body = infer_request(outputs=[{"name": "y", "parameters": {"binary_data": binary}}])
    content, head = parts(encode(decode(body, None, served)[1], served, answers))
    found = InferenceServerClient.parse_response_body(content, header_length=head).as_numpy("y")
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found, answers["y"])


def test_encodes_outputs_as_bytes() -> None:
    answers = {"score": np.array([[1, 2]], np.float32), "said": texts("é")}
    body = infer_request(
        inputs=[COUNT, {"name": "words", "shape": [1, 2], "datatype": "BYTES", "data": ["a", "b"]}],
        outputs=[
            {"name": "said", "parameters": {"binary_data": True}},
            {"name": "score", "parameters": {"binary_data": False}},
        ],
    )
    content, rest = response(body, pair(), answers)
    assert content["outputs"] == [
        {"name": "said", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 6}},
        {"name": "score", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]},
    ]
    assert rest == b"\x02\0\0\0\xc3\xa9"


def test_encodes_all_outputs_as_bytes() -> None:
    body = infer_request(parameters={"binary_data_output": True})
    content, rest = response(body, small(), {"y": np.array([[1, 2, 3]], np.float32)})
    assert content["outputs"][0]["parameters"] == {"binary_data_size": 12}
    assert "parameters" not in content
    assert rest == np.array([1, 2, 3], np.float32).tobytes()


def test_encodes_the_top_classes() -> None:
    image = {"name": "image", "shape": [2, 28, 28, 1], "datatype": "FP32", "data": [0] * 1568}
    body = infer_request(inputs=[image], outputs=[{"name": "digit", "parameters": {"classification": 2}}])
    answers = np.eye(10, dtype=np.float32)[[3, 9]] + np.eye(10, dtype=np.float32)[[0, 0]] / 2
    content, _ = response(body, digits(classes=DIGITS[:9]), {"digit": answers})
    assert content["outputs"] == [
        {
            "name": "digit",
            "datatype": "BYTES",
            "shape": [2, 2],
            "data": ["1.000000:3:three", "0.500000:0:zero", "1.000000:9", "0.500000:0:zero"],
        }
    ]


@given(st.data())
def test_decodes_requests_of_tritons_client(data: st.DataObject) -> None:
    model = pair()
    inputs = {
        "count": np.array(data.draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=3)), np.int64),
        "words": texts(*data.draw(st.lists(st.lists(st.text(), min_size=2, max_size=2), min_size=1, max_size=3))),
    }
    sent = []
    for name, array in inputs.items():
        one = InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
        sent.append(one.set_data_from_numpy(array, binary_data=data.draw(st.booleans())))
    wanted = [InferRequestedOutput("said", binary_data=data.draw(st.booleans()))]
    body, header = InferenceServerClient.generate_request_body(sent, request_id="é", outputs=wanted)
    found, request = decode(body, None if header is None else str(header), model)
    for name, array in inputs.items():
        np.testing.assert_array_equal(found[name], array)
    answers = {"score": np.zeros((1, 2), np.float32), "said": texts(data.draw(st.text()))}
    content, head = parts(encode(request, model, answers))
    result = InferenceServerClient.parse_response_body(content, header_length=head)
    said = result.as_numpy("said").item()
    assert (said.decode() if isinstance(said, bytes) else said) == answers["said"].item()
    assert result.get_response()["id"] == "é"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "expected JSON"),
        (infer_request(inputs={}), "inputs: expected a list, found an object"),
        (infer_request(inputs=[3]), "inputs: expected objects with name, shape, datatype and data"),
        (changed(name=3), "inputs: expected objects with name"),
        (changed(name="y"), 'inputs: expected "x", found "y"'),
        (infer_request(inputs=[X, X]), 'expected each input once, found "x" twice'),
        (changed(datatype="FP64"), 'input "x": expected datatype FP32, found "FP64": send FP32'),
        (changed(datatype=None), "expected datatype FP32, found null"),
        (changed(shape="none"), 'input "x": expected shape (n, 2), found an invalid shape'),
        (changed(shape=[1, -2]), "found an invalid shape"),
        (changed(shape=[1, 2.0]), "found an invalid shape"),
        (changed(shape=[1, True]), "found an invalid shape"),
        (changed(shape=[1] * 99), "found an invalid shape"),
        (changed(shape=[0, 2], data=[]), "found an invalid shape: send a list of positive integers"),
        (changed(shape=[2**63 - 1, 2, 0], data=[]), "found an invalid shape"),
        (changed(shape=[1, 3]), 'input "x": expected 3 values for shape [1, 3], found 2'),
        (changed(shape=[2**62, 2**62]), "found 2: correct data or shape"),
        (changed(data="none"), "expected data, a list, found null"),
        (changed(data="ab"), "expected data, a list, found a string"),
        (changed(data=[[1], [1, 2]]), "expected lists of equal length"),
        (changed(data=["a", "b"]), 'expected numbers, found the string "a" at [0, 0]'),
        (changed(parameters=[]), 'input "x": parameters: expected an object, found a list'),
        (
            changed(parameters={"binary_data_size": 8}),
            "expected 8 bytes after the JSON",
        ),
        (changed(parameters={"binary_data_size": -1}), "found -1"),
        (changed(parameters={"binary_data_size": True}), "found true"),
        (changed(parameters={"shared_memory_region": "a"}), "shared_memory_region, which is not supported"),
        (infer_request(id=3), "id: expected a string, found a number"),
        (infer_request(parameters=3), "parameters: expected an object, found a number"),
        (infer_request(parameters={"a": []}), 'expected strings, numbers or booleans, found a list: remove "a"'),
        (infer_request(outputs=["y"]), 'outputs: expected names out of "y", found an entry without a name'),
        (infer_request(outputs=[{"name": "z"}]), 'outputs: expected names out of "y", found "z"'),
        (infer_request(outputs=[{"name": "y"}, {"name": "y"}]), "outputs: expected at most 1 outputs, found 2"),
        (
            infer_request(parameters={f"{at}": at for at in range(65)}),
            "parameters: expected at most 64 parameters, found 65",
        ),
        (changed(data=json.loads("[" * 40 + "1" + "]" * 40)), "expected at most 32 levels of lists, found more"),
        (
            infer_request(outputs=[{"name": "y", "parameters": {"shared_memory_region": "a"}}]),
            "not supported: remove it",
        ),
        (
            infer_request(outputs=[{"name": "y", "parameters": {"classification": -1}}]),
            "classification: expected a number of classes, found -1",
        ),
    ],
)
def test_message_has_the_expected_and_the_found_value(body: bytes, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        decode(body, None, small())
    assert message in refused.value.message


def test_refuses_an_output_twice() -> None:
    with pytest.raises(Invalid, match="found an output twice"):
        decode(infer_request(inputs=[], outputs=[{"name": "score"}] * 2), None, pair())


def test_strings_have_no_classes() -> None:
    body = infer_request(inputs=[], outputs=[{"name": "said", "parameters": {"classification": 1}}])
    with pytest.raises(Invalid, match="expected an output of numbers, found strings"):
        decode(body, None, pair())


@pytest.mark.parametrize(
    ("header", "rest", "message"),
    [
        ("x", b"", "expected the length of the JSON"),
        ("-1", b"", "found '-1'"),
        ("9999", b"", "at most the body's"),
        ("9" * 5000, b"", "at most the body's"),
        ("0", b"", "found an empty body"),
        ("5", b"", "expected JSON"),
        (None, b"more", "found 4: correct binary_data_size"),
    ],
)
def test_refuses_a_wrong_header_length(header: str | None, rest: bytes, message: str) -> None:
    body = infer_request() + rest
    with pytest.raises(Invalid) as refused:
        decode(body, str(len(infer_request())) if header is None else header, small())
    assert message in refused.value.message


def test_survives_deep_parameters() -> None:
    with pytest.raises(Invalid, match='found an object: remove "a"'):
        decode(infer_request()[:-1] + b',"parameters":' + b'{"a":' * 900 + b"1" + b"}" * 901, None, small())


@given(JSON, JSON, JSON)
def test_survives_any_json(one: Any, two: Any, three: Any) -> None:
    for fields in (
        {"inputs": one},
        {"parameters": one},
        {"outputs": one, "id": two},
        {"outputs": [{"name": "y"} | {"parameters": one}]},
    ):
        with suppress(Invalid):
            decode(infer_request(**fields), None, small())
    for fields in ({"data": one}, {"shape": two, "data": one}, {"datatype": three}, {"parameters": two}, {"name": one}):
        with suppress(Invalid):
            decode(changed(**fields), None, small())


def binary(x: list[float], **more: Any) -> tuple[bytes, str]:
    """Return a body with a binary input, and the length of its JSON."""
    one = {name: X[name] for name in ("name", "datatype")} | {"shape": [1, 2], "parameters": {"binary_data_size": 8}}
    head = json.dumps({"inputs": [one], **more}).encode()
    return head + np.array([x], np.float32).tobytes(), str(len(head))


def test_caches_the_json_before_tensors() -> None:
    decoder = Decoder(small())
    _, first = decoder.decode(*binary([1, 2]))
    inputs, second = decoder.decode(*binary([3, 4]))
    assert second is first
    assert (inputs["x"].tolist(), inputs["x"].flags.aligned) == ([[3, 4]], True)
    assert decoder.decode(*binary([3, 4], id="other"))[1] is not first
    body, length = binary([1, 2])
    for odd, header in ((body[:-1], length), (body + b"x", length), (body, "1"), (body, "-1"), (body, "9999")):
        with pytest.raises(Invalid) as refused:
            decoder.decode(odd, header)
        with pytest.raises(Invalid) as expected:
            decode(odd, header, small())
        assert str(refused.value) == str(expected.value)


def test_does_not_cache_values_and_bounds_the_cache() -> None:
    decoder = Decoder(small())
    decoder.decode(infer_request(), str(len(infer_request())))
    assert not decoder._cache
    for number in range(MAX_CACHED + 2):
        decoder.decode(*binary([1, 2], id=str(number)))
    assert len(decoder._cache) == 2
    decoder.decode(*binary([1, 2], id="x" * 5000))
    assert len(decoder._cache) == 2


def test_caches_the_json_of_a_binary_response() -> None:
    decoder, served = (
        Decoder(model([spec("x", (2,))], [spec("y", (-1,))])),
        model([spec("x", (2,))], [spec("y", (-1,))]),
    )
    wanted = {"parameters": {"binary_data_output": True}}
    for length in (3, 3, 2, 3, 1):
        answers = {"y": np.arange(length, dtype=np.float32).reshape(1, length)}
        _, cached = decoder.decode(*binary([1, 2], **wanted))
        _, fresh = Decoder(served).decode(*binary([1, 2], **wanted))
        assert encode(cached, served, answers) == encode(fresh, served, answers)
    assert len(cached.response_heads) == 1
