"""Requests and responses of Watson Machine Learning."""

import json
from collections.abc import Callable
from contextlib import suppress
from time import thread_time
from typing import Any

import numpy as np
import orjson
import pytest
from epochal_server.protocols import json_body
from epochal_server.protocols.watson import (
    MAX_ENTRIES,
    Part,
    Request,
    _memory_factor,
    check_version,
    decode_v3,
    decode_v4,
    encode_error,
    encode_v3,
    encode_v4,
)
from epochal_server.refusals import Busy, Failed, Invalid, Refused, Unknown
from hypothesis import given

from tests.kit.served import digits, model, pair, small, spec, texts
from tests.unit.server.protocols.test_json_body import JSON

FIELDS = ["COLUMN1", "COLUMN2"]


def v4(*entries: Any) -> bytes:
    return json.dumps({"input_data": entries}).encode()


def test_ignores_fields_for_a_single_input() -> None:
    found = decode_v4(v4({"fields": FIELDS, "values": [[1, 2], [3, 4]]}), small())
    assert found.inputs["x"].tolist() == [[1, 2], [3, 4]]
    assert decode_v3(json.dumps({"fields": FIELDS, "values": [[5, 6]]}).encode(), small()).inputs["x"].tolist() == [
        [5, 6]
    ]


def test_a_sample_may_be_flat() -> None:
    rows = np.arange(2 * 784, dtype=np.float32).reshape(2, 784)
    found = decode_v4(v4({"fields": [f"p{at}" for at in range(784)], "values": rows.tolist()}), digits())
    assert found.inputs["image"].shape == (2, 28, 28, 1)
    np.testing.assert_array_equal(found.inputs["image"].reshape(2, 784), rows)
    number = model([spec("x", ())], [spec("y", ())])
    assert decode_v4(v4({"values": [[1], [2]]}), number).inputs["x"].tolist() == [1, 2]
    assert decode_v4(v4({"values": [1, 2]}), number).inputs["x"].tolist() == [1, 2]


def test_keeps_the_shape_of_a_sample_with_dynamic_axes() -> None:
    grid = model([spec("x", (-1, -1))], [spec("y", ())])
    assert decode_v4(v4({"values": [[1]]}), grid).inputs["x"].shape == (1, 1)  # which is refused as such


def test_fields_may_be_numbers() -> None:
    numbered = model([spec("0", ()), spec("1", ())], [spec("y", ())])
    for fields in ([0, 1], ["0", "1"], ["0", 1]):
        found = decode_v4(v4({"fields": fields, "values": [[1, 2], [3, 4]]}), numbered).inputs
        assert {name: array.tolist() for name, array in found.items()} == {"0": [1, 3], "1": [2, 4]}
    with pytest.raises(Invalid, match="or all as fields of one entry"):
        decode_v4(v4({"fields": [0, "0"], "values": [[1, 2]]}), numbered)
    none = model([spec("None", ()), spec("x", ())], [spec("y", ())])
    with pytest.raises(Invalid, match="as an entry with its name as id"):
        decode_v4(v4({"values": [1]}, {"id": "x", "values": [1]}), none)


def test_each_entry_has_its_own_answer() -> None:
    request = decode_v4(v4({"id": "a", "values": [[1, 2]]}, {"values": [[3, 4], [5, 6]]}), small())
    assert request.inputs["x"].tolist() == [[1, 2], [3, 4], [5, 6]]
    response = orjson.loads(encode_v4(request, small(), {"y": np.eye(3, dtype=np.float32)}).content)
    assert response == {
        "predictions": [
            {"id": "a", "fields": ["prediction"], "values": [[[1, 0, 0]]]},
            {"fields": ["prediction"], "values": [[[0, 1, 0]], [[0, 0, 1]]]},
        ]
    }


def test_rows_keep_their_order_in_blocks() -> None:
    answers = {"digit": np.random.default_rng(3).random((5000, 10)).astype(np.float32)}
    sizes = (1, 630, 631, 5000 - 1262)  # a block is of 630 such rows
    response = orjson.loads(
        encode_v4(Request({}, tuple(Part(size, None) for size in sizes)), digits(), answers).content
    )
    each = [part["values"] for part in response["predictions"]]
    assert [len(rows) for rows in each] == list(sizes)
    rows = [row for part in each for row in part]
    assert rows == orjson.loads(encode_v3(digits(), answers).content)["values"]
    for at in (0, 2):
        np.testing.assert_array_equal(np.array([row[at] for row in rows], np.float32), answers["digit"])
    assert [row[1] for row in rows] == answers["digit"].argmax(axis=1).tolist()


def test_counts_probabilities_twice() -> None:
    assert (_memory_factor(digits()), _memory_factor(small())) == (10, 6)


def test_refuses_too_many_entries() -> None:
    entry = {"values": [[1, 2]]}
    assert len(decode_v4(v4(*[entry] * MAX_ENTRIES), small()).parts) == MAX_ENTRIES
    with pytest.raises(Invalid, match=r"input_data: expected at most 1,000 entries, found 1,001"):
        decode_v4(v4(*[entry] * (MAX_ENTRIES + 1)), small())


def test_an_entry_may_have_no_samples() -> None:
    request = Request({}, (Part(0, None), Part(1, "a")))
    assert orjson.loads(encode_v4(request, small(), {"y": np.ones((1, 3), np.float32)}).content) == {
        "predictions": [
            {"fields": ["prediction"], "values": []},
            {"id": "a", "fields": ["prediction"], "values": [[[1, 1, 1]]]},
        ]
    }


def test_refuses_lists_as_fields() -> None:
    with pytest.raises(Invalid, match="or all as fields of one entry"):
        decode_v4(v4({"fields": ["count", "words", []], "values": []}), pair())


def test_names_the_fields_like_keras_deployments() -> None:
    answers = {"digit": np.eye(10, dtype=np.float32)[[7]]}
    row = answers["digit"][0].tolist()
    request = decode_v4(v4({"values": np.zeros((1, 28, 28, 1)).tolist()}), digits())
    fields = ["prediction", "prediction_classes", "probability"]
    assert orjson.loads(encode_v4(request, digits(), answers).content) == {
        "predictions": [{"fields": fields, "values": [[row, 7, row]]}]
    }
    assert orjson.loads(encode_v3(digits(), answers).content) == {"fields": fields, "values": [[row, 7, row]]}


def test_a_model_without_probabilities_has_no_such_field() -> None:
    response = orjson.loads(
        encode_v3(digits(probabilities=False), {"digit": np.eye(10, dtype=np.float32)[[7]]}).content
    )
    assert response["fields"] == ["prediction", "prediction_classes"]
    assert response["values"][0][1] == 7


@pytest.mark.parametrize(("value", "expected"), [(0.2, 0), (0.8, 1)])
def test_one_probability_distinguishes_two_classes(value: float, expected: int) -> None:
    served = model([spec("x", (2,))], [spec("y", (1,))], probabilities=True)
    assert orjson.loads(encode_v3(served, {"y": np.array([[value]])}).content)["values"] == [
        [[value], expected, [value]]
    ]


def test_several_outputs_are_fields() -> None:
    answers = {"score": np.array([[1, 2]], np.float32), "said": texts("é")}
    assert orjson.loads(encode_v3(pair(), answers).content) == {"fields": ["score", "said"], "values": [[[1, 2], "é"]]}


@pytest.mark.parametrize(
    "entries",
    [
        [{"id": "words", "values": [["a"], ["b"]]}, {"id": "count", "values": [1, 2]}],
        [{"fields": ["words", "count"], "values": [[["a"], 1], [["b"], 2]]}],
        [
            {"fields": ["words", "count"], "values": [[["a"], 1]]},
            {"fields": ["count", "words"], "values": [[2, ["b"]]]},
        ],
    ],
)
def test_several_inputs_are_named_by_ids_or_fields(entries: list[Any]) -> None:
    found = decode_v4(v4(*entries), pair()).inputs
    assert found["count"].tolist() == [1, 2]
    assert found["words"].tolist() == [["a"], ["b"]]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{}", "input_data: expected a list of objects with values, found null"),
        (v4(), "found an empty list"),
        (v4(3), "found a list of other values"),
        (json.dumps({"input_data": {"values": []}}).encode(), "input_data: expected a list, found an object"),
        (v4({}), "input_data[0]: values: expected a list of samples, each float32 of shape (n, 2), found null"),
        (
            v4({"values": [[1, 2]]}, {"values": [[1, "a"]]}),
            'input_data[1]: values: expected numbers, found the string "a"',
        ),
        (v4({"values": [[1, 2]]}, {"values": [[1, 2, 3]]}), "expected samples of equal shape, found [2] and [3]"),
        (v4({"id": 3, "values": [[1, 2]]}), "input_data[0].id: expected a string, found a number"),
    ],
)
def test_message_has_the_expected_and_the_found_value(body: bytes, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        decode_v4(body, small())
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"values": [[1, ["a"]]]},
            'expected the inputs "count", "words", each as an entry with its name as id, or all as fields',
        ),
        ({"fields": ["count"], "values": [[1]]}, "found neither"),
        ({"fields": ["count", "words", "count"], "values": [[1, [], 2]]}, "found neither"),
        ({"fields": ["count", "words"], "values": [[1]]}, "expected rows of 2 values, found others"),
        ({"fields": ["count", "words"], "values": 3}, "expected rows of 2 values, found others"),
        (
            {"fields": ["count", "words"], "values": [["a", ["b"]]]},
            'values of "count": expected integers for int64',
        ),
    ],
)
def test_message_explains_the_form_of_several_inputs(entry: Any, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        decode_v4(v4(entry), pair())
    assert message in refused.value.message


def test_a_version_is_a_date() -> None:
    check_version(None)
    check_version("2020-09-01")
    for odd in ("", "4", "2020-9-1", "x" * 99):
        with pytest.raises(Invalid, match=r"send \?version=YYYY-MM-DD"):
            check_version(odd)


@given(JSON, JSON, JSON)
def test_survives_any_json(one: Any, two: Any, three: Any) -> None:
    for served in (small(), pair(), digits()):
        for body in (
            v4(one, two),
            v4({"fields": one, "values": two, "id": three}),
            json.dumps({"input_data": one}).encode(),
        ):
            with suppress(Invalid):
                decode_v4(body, served)
            with suppress(Invalid):
                decode_v3(json.dumps({"fields": one, "values": two}).encode(), served)


def test_nan_becomes_null() -> None:
    answers = {"digit": np.full((1, 10), np.nan, np.float32)}
    (row,) = orjson.loads(encode_v3(digits(), answers).content)["values"]
    assert row == [[None] * 10, None, [None] * 10]


def test_many_fields_take_little_time() -> None:
    model_, fields = pair(), np.random.default_rng(1).permutation(10**6).tolist()
    body = json.dumps({"fields": fields, "values": [[1, ["a"]]]}).encode()

    def seconds(decode: Callable[[], object]) -> float:
        began = thread_time()
        with suppress(Invalid):
            decode()
        return thread_time() - began

    read = min(seconds(lambda: json_body.read(body)) for _ in range(3))
    assert min(seconds(lambda: decode_v3(body, model_)) for _ in range(3)) < 2 * read + 0.02


@pytest.mark.parametrize(
    ("refused", "code"),
    [
        (Invalid("x"), "invalid_request_entity"),
        (Unknown("x"), "deployment_does_not_exist"),
        (Busy("x", 1), "too_many_requests"),
        (Failed("x"), "internal_error"),
    ],
)
def test_errors_have_codes(refused: Refused, code: str) -> None:
    response = orjson.loads(encode_error(refused, status_code=True))
    assert len(response.pop("trace")) == 32
    assert response == {"errors": [{"code": code, "message": "x"}], "status_code": refused.status}
    assert "status_code" not in orjson.loads(encode_error(refused, status_code=False))
