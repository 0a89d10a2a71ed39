"""TensorFlow Serving's predict, row by row and column by column."""

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

SAID = {"score": np.array([[1, 2], [3, 4]], np.float32), "said": texts("é", "b")}


def encode(rows: bool, answers: Arrays) -> bytes:  # noqa: FBT001 - as `tfserving.encode`
    return tfserving.encode(rows, answers).content


def asked(**fields: Any) -> bytes:
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
def test_one_input_need_not_be_named(fields: dict[str, Any]) -> None:
    found, rows = decode(asked(**fields), small())
    assert found["x"].tolist() == [[1, 2], [3, 4]]
    told = orjson.loads(encode(rows, {"y": np.array([[0.1], [0.2]], np.float32)}))
    assert told == {"predictions" if "instances" in fields else "outputs": [[0.1], [0.2]]}


def test_several_are_named_row_by_row() -> None:
    rows = [{"count": 1, "words": ["a", {"b64": "w6k="}]}, {"words": ["b", "c"], "count": 2}]
    found, by_row = decode(asked(instances=rows), pair())
    assert found["count"].tolist() == [1, 2]
    assert found["words"].tolist() == [["a", "é"], ["b", "c"]]
    assert orjson.loads(encode(by_row, SAID)) == {
        "predictions": [{"score": [1, 2], "said": "é"}, {"score": [3, 4], "said": "b"}]
    }


def test_or_column_by_column() -> None:
    found, by_row = decode(asked(inputs={"words": [["a"], ["b"]], "count": [1, 2]}), pair())
    assert found["words"].tolist() == [["a"], ["b"]]
    assert orjson.loads(encode(by_row, SAID)) == {"outputs": {"score": [[1, 2], [3, 4]], "said": ["é", "b"]}}


def test_an_instance_may_be_a_text_in_base64() -> None:
    of = model([spec("word", (), "str")], [spec("y", ())])
    assert decode(asked(instances=[{"b64": "YQ=="}, "b"]), of)[0]["word"].tolist() == ["a", "b"]
    assert decode(asked(instances=[{"word": {"b64": "YQ=="}}]), of)[0]["word"].tolist() == ["a"]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "expected instances or inputs, found neither"),
        ({"instances": [[1, 2]], "inputs": [[1, 2]]}, "found both"),
        ({"instances": []}, "instances: expected a list of samples, found none"),
        ({"instances": 3}, "instances: expected a list, found a number"),
        ({"instances": [1, 2]}, None),
        ({"instances": [[1, 2], [3]]}, "expected lists of one length at depth 1, found lengths 1 and 2"),
        ({"instances": [[1, "2"]]}, 'instances: expected numbers, found the text "2" at [0, 1]'),
        ({"instances": [{"z": [1, 2]}]}, 'instances[0]: expected "x", found "z"'),
        ({"instances": [{"x": [1, 2]}, [1, 2]]}, 'instances[1]: expected "x", found a list'),
        ({"instances": [[1, 2], {"x": [1, 2]}]}, "expected lists only at depth 1, found an object"),
        ({"instances": [{"b64": "AAAA"}]}, "expected numbers, found an object at [0]"),
        ({"inputs": {"x": [[1, 2]], "z": 1}}, 'inputs: expected "x", found "x", "z"'),
        ({"inputs": 3}, "inputs: expected a list of samples, each float32 of shape (n, 2), found a number"),
        ({"inputs": None}, "found null"),
        ({"instances": [[1, 2]], "signature_name": "other"}, 'expected "serving_default", found "other"'),
        ({"instances": [[1, 2]], "signature_name": 3}, "signature_name: expected a text, found a number"),
    ],
)
def test_says_what_was_expected_and_found(fields: dict[str, Any], told: str | None) -> None:
    if told is None:  # the shape is looked at where the arrays are
        assert decode(asked(**fields), small())[0]["x"].shape == (2,)
        return
    with pytest.raises(Invalid) as refused:
        decode(asked(**fields), small())
    assert told in refused.value.message


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"instances": [1]}, 'instances: expected objects with "count", "words", found a list'),
        ({"inputs": [1]}, 'inputs: expected objects with "count", "words", found a list'),
        ({"inputs": {"count": [1], "words": [[{"b64": "?"}]]}}, "expected base64 of text in UTF-8, found"),
        ({"inputs": {"count": [1], "words": [[{"b64": "/w=="}]]}}, "expected base64 of text in UTF-8, found"),
        (
            {"inputs": {"count": [1], "words": [[{"b64": 3}]]}},
            'expected texts or {"b64": …}, found an object with "b64"',
        ),
        ({"inputs": {"count": [1], "words": [[{}]]}}, "found an object with none"),
    ],
)
def test_says_what_is_wrong_with_several_inputs(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(Invalid) as refused:
        decode(asked(**fields), pair())
    assert told in refused.value.message


def test_survives_lists_that_are_deep() -> None:
    deep: list[Any] = []
    for _ in range(900):
        deep = [deep]
    with pytest.raises(Invalid):
        decode(orjson.dumps({"inputs": {"count": [1], "words": orjson.Fragment(str(deep).encode())}}), pair())


@given(JSON, JSON)
def test_survives_whatever_json_is_sent(one: Any, two: Any) -> None:
    for of in (small(), pair(), small("str")):
        for fields in (
            {"instances": one},
            {"inputs": one},
            {"instances": [one, two]},
            {"inputs": {"count": one, "words": two}},
        ):
            with suppress(Invalid):
                decode(asked(**fields), of)
