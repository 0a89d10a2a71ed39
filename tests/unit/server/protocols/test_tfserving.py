"""Requests of TensorFlow Serving in row format and column format."""

import json
from contextlib import suppress
from typing import Any

import numpy as np
import orjson
import pytest
from epochal_server.model.model import Arrays
from epochal_server.protocols import tfserving
from epochal_server.protocols.tfserving import decode
from epochal_server.refusals import Invalid
from hypothesis import given

from tests.kit.served import model, pair, small, spec, texts
from tests.unit.server.protocols.test_json_body import JSON

ANSWERS = {"score": np.array([[1, 2], [3, 4]], np.float32), "said": texts("é", "b")}


def encode(rows: bool, answers: Arrays) -> bytes:  # noqa: FBT001 - as `tfserving.encode`
    return tfserving.encode(rows, answers).content


def request(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    "fields",
    [
        {"instances": [[1, 2], [3, 4]]},
        {"instances": [{"x": [1, 2]}, {"x": [3, 4]}]},
        {"inputs": [[1, 2], [3, 4]]},
        {"inputs": {"x": [[1, 2], [3, 4]]}},
        {"inputs": [[1, 2], [3, 4]], "signature_name": "serving_default"},
        {"instances": [[1, 2], [3, 4]], "signature_name": ""},
    ],
)
def test_a_single_input_needs_no_name(fields: dict[str, Any]) -> None:
    found, rows = decode(request(**fields), small())
    assert found["x"].tolist() == [[1, 2], [3, 4]]
    content = orjson.loads(encode(rows, {"y": np.array([[0.1], [0.2]], np.float32)}))
    assert content == {"predictions" if "instances" in fields else "outputs": [[0.1], [0.2]]}


def test_several_inputs_in_row_format() -> None:
    rows = [{"count": 1, "words": ["a", {"b64": "w6k="}]}, {"words": ["b", "c"], "count": 2}]
    found, by_row = decode(request(instances=rows), pair())
    assert found["count"].tolist() == [1, 2]
    assert found["words"].tolist() == [["a", "é"], ["b", "c"]]
    assert orjson.loads(encode(by_row, ANSWERS)) == {
        "predictions": [{"score": [1, 2], "said": "é"}, {"score": [3, 4], "said": "b"}]
    }


def test_several_inputs_in_column_format() -> None:
    found, by_row = decode(request(inputs={"words": [["a"], ["b"]], "count": [1, 2]}), pair())
    assert found["words"].tolist() == [["a"], ["b"]]
    assert orjson.loads(encode(by_row, ANSWERS)) == {"outputs": {"score": [[1, 2], [3, 4]], "said": ["é", "b"]}}


def test_an_instance_may_be_base64() -> None:
    of = model([spec("word", (), "str")], [spec("y", ())])
    assert decode(request(instances=[{"b64": "YQ=="}, "b"]), of)[0]["word"].tolist() == ["a", "b"]
    assert decode(request(instances=[{"word": {"b64": "YQ=="}}]), of)[0]["word"].tolist() == ["a"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "expected instances or inputs, found neither"),
        ({"instances": [[1, 2]], "inputs": [[1, 2]]}, "found both"),
        ({"instances": []}, "instances: expected a list of samples, found an empty list"),
        ({"instances": 3}, "instances: expected a list, found a number"),
        ({"instances": [1, 2]}, None),
        ({"instances": [[1, 2], [3]]}, "expected lists of equal length at depth 1, found lengths 1 and 2"),
        ({"instances": [[1, "2"]]}, 'instances: expected numbers, found the string "2" at [0, 1]'),
        ({"instances": [{"z": [1, 2]}]}, 'instances[0]: expected "x", found "z"'),
        ({"instances": [{"x": [1, 2]}, [1, 2]]}, 'instances[1]: expected "x", found a list'),
        ({"instances": [[1, 2], {"x": [1, 2]}]}, "expected lists only at depth 1, found an object"),
        ({"instances": [{"b64": "AAAA"}]}, "expected numbers, found an object at [0]"),
        ({"inputs": {"x": [[1, 2]], "z": 1}}, 'inputs: expected "x", found "x", "z"'),
        ({"inputs": 3}, "inputs: expected a list of samples, each float32 of shape (n, 2), found a number"),
        ({"inputs": None}, "found null"),
        ({"instances": [[1, 2]], "signature_name": "other"}, 'expected "serving_default", found "other"'),
        ({"instances": [[1, 2]], "signature_name": 3}, "signature_name: expected a string, found a number"),
    ],
)
def test_message_has_the_expected_and_the_found_value(fields: dict[str, Any], message: str | None) -> None:
    if message is None:  # the batcher checks the shape
        assert decode(request(**fields), small())[0]["x"].shape == (2,)
        return
    with pytest.raises(Invalid) as refused:
        decode(request(**fields), small())
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"instances": [1]}, 'instances: expected objects with "count", "words", found a list'),
        ({"inputs": [1]}, 'inputs: expected objects with "count", "words", found a list'),
        ({"inputs": {"count": [1], "words": [[{"b64": "?"}]]}}, "expected base64 of UTF-8 text, found"),
        ({"inputs": {"count": [1], "words": [[{"b64": "/w=="}]]}}, "expected base64 of UTF-8 text, found"),
        (
            {"inputs": {"count": [1], "words": [[{"b64": 3}]]}},
            'expected strings or {"b64": …}, found an object with "b64"',
        ),
        ({"inputs": {"count": [1], "words": [[{}]]}}, "found an object with none"),
    ],
)
def test_message_names_the_invalid_input(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(Invalid) as refused:
        decode(request(**fields), pair())
    assert message in refused.value.message


def test_survives_deep_lists() -> None:
    deep: list[Any] = []
    for _ in range(900):
        deep = [deep]
    with pytest.raises(Invalid):
        decode(orjson.dumps({"inputs": {"count": [1], "words": orjson.Fragment(str(deep).encode())}}), pair())


@given(JSON, JSON)
def test_survives_any_json(one: Any, two: Any) -> None:
    for of in (small(), pair(), small("str")):
        for fields in (
            {"instances": one},
            {"inputs": one},
            {"instances": [one, two]},
            {"inputs": {"count": one, "words": two}},
        ):
            with suppress(Invalid):
                decode(request(**fields), of)
