"""JSON that anyone may have written."""

import json
import tracemalloc
from contextlib import suppress

import pytest
from epochal_server.protocols.json_body import field, read
from epochal_server.refusals import Invalid
from hypothesis import given
from hypothesis import strategies as st

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=30,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_reads_what_json_writes(found: dict[str, object]) -> None:
    assert read(json.dumps(found).encode()) == found


@given(st.binary())
def test_refuses_the_rest(body: bytes) -> None:
    with suppress(Invalid):
        assert isinstance(read(body), dict)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "found nothing"),
        (b"[1]", "expected a JSON object, found a list"),
        (b"3", "found a number"),
        (b"true", "found true"),
        (b'"x"', "found a text"),
        (b'{"a": ', "send valid JSON"),
        (b'{"a": [1, NaN]}', "found NaN… at character 10, which JSON has no number for"),
        (b'{"a": Infinity}', "found Inf… at character 6, which JSON has no number for"),
        (b'{"a": -Infinity}', "which JSON has no number for"),
        (b'{"a": 1e999}', "number is infinity"),
        (b'{"a": "\xff"}', "expected JSON in UTF-8"),
        (b'{"a": "\\ud800"}', "expected JSON in UTF-8"),
        (b'{"a":' + b"[" * 2000, "depth limit exceeded"),
        (b'{"a":1,"a":2}', 'found "a" twice in one object'),
        (b'{"x:":{"b":[[{"c":1,"d":":","c":2}]]}}', 'found "c" twice'),
        (b'{"x":[{"b":1},{"b":1,"b":2}]}', 'found "b" twice'),
        (b'{"id":"\\u003A","b":1,"b":2}', 'found "b" twice'),
        (b'{"x":[1,{"b":":"}],"y":' + b"[" * 1000 + b"]" * 1000 + b"}", "found hundreds"),
    ],
)
def test_says_what_was_expected_and_found(body: bytes, told: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(body)
    assert told in refused.value.message


@pytest.mark.parametrize("item", [b"[1],[2]", b"[[1]]", b'{"a":1}', b"1.5", b'"[[[[[[[[[[[a"', rb'"\\\"[[[[[[[[[[["'])
def test_takes_a_large_body_of_samples(item: bytes) -> None:
    body = b'{"x":[' + b",".join([item] * 50_000) + b"]}"
    assert len(read(body)["x"]) >= 50_000


@pytest.mark.parametrize("item", [b"[" * 900 + b"1" + b"]" * 900, b"[[[[]]]]", b'{"":{"":{"":1}}}'])
def test_refuses_a_body_of_more_lists_than_there_is_memory_for(item: bytes) -> None:
    count = 500_000 // len(item)
    read(b'{"x":[' + b",".join([item] * (count // 10)) + b"]}")  # there is memory for a few of them
    with pytest.raises(Invalid, match="expected more values than brackets"):
        read(b'{"x":[' + b",".join([item] * count) + b"]}")


def test_takes_colons_for_what_they_are() -> None:
    found = {"id": "urn:a:b", "x": [":", {"b:": ":"}], "y": {"c": [{"d": 1}, 2, {"d": 1}]}}
    assert read(json.dumps(found).encode()) == found


def test_holds_a_body_in_memory_once() -> None:
    body = b'{"x":[0,{"y":0}],"z":[' + b"[]," * 20_000 + b"0]}"
    tracemalloc.start()
    try:
        kept = read(body)
        size, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(kept["z"]) == 20_001
    assert most < 2 * size


@pytest.mark.parametrize(
    ("value", "of", "told"),
    [
        ([1], dict, "expected an object, found a list"),
        (1, str, "expected a text, found a number"),
        (True, int, "expected a whole number, found true"),
        (1.5, int, "expected a whole number, found a number"),
        ({}, list, "expected a list, found an object"),
    ],
)
def test_fields_are_of_a_type(value: object, of: type, told: str) -> None:
    assert field({}, "a", "a", of=of) is None
    with pytest.raises(Invalid, match=told):
        field({"a": value}, "a", "a", of=of)
