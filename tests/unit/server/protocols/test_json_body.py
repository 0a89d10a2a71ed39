"""Parsing of JSON from untrusted clients."""

import json
import tracemalloc
from contextlib import suppress

import orjson
import pytest
from epochal_server.protocols.json_body import CHECKED_BYTES, field, read
from epochal_server.refusals import Invalid, Unsupported
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
def test_parses_every_object(found: dict[str, object]) -> None:
    assert read(json.dumps(found).encode()) == found


@given(st.binary())
def test_refuses_other_bytes(body: bytes) -> None:
    with suppress(Invalid, Unsupported):  # a few bytes are those of a picture
        assert isinstance(read(body), dict)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "found an empty body"),
        (b"[1]", "expected a JSON object, found a list"),
        (b"3", "found a number"),
        (b"true", "found true"),
        (b'"x"', "found a string"),
        (b'{"a": ', "send valid JSON"),
        (b'{"a": [1, NaN]}', "found NaN… at character 10, which is not valid in JSON"),
        (b'{"a": Infinity}', "found Inf… at character 6, which is not valid in JSON"),
        (b'{"a": -Infinity}', "which is not valid in JSON"),
        (b'{"a": 1e999}', "number is infinity"),
        (b'{"a": "\xff"}', "expected JSON in UTF-8"),
        (b'{"a": "\\ud800"}', "expected JSON in UTF-8"),
        (b'{"a":' + b"[" * 2000, "depth limit exceeded"),
        (b'{"a":1,"a":2}', 'found "a" twice in one object'),
        (b'{"x:":{"b":[[{"c":1,"d":":","c":2}]]}}', 'found "c" twice'),
        (b'{"x":[{"b":1},{"b":1,"b":2}]}', 'found "b" twice'),
        (b'{"id":"\\u003A","b":1,"b":2}', 'found "b" twice'),
        (b'{"x":[1,{"b":":"}],"x":' + b"[" * 1000 + b"]" * 1000 + b"}", "a field twice in one object"),
        (b'{"x":[1,{"b":1,"b":2}],"y":[' + b"0," * CHECKED_BYTES + b"0]}", "a field twice in one object"),
    ],
)
def test_message_has_the_expected_and_the_found_value(body: bytes, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(body)
    assert message in refused.value.message


@pytest.mark.parametrize("item", [b"[1],[2]", b"[[1]]", b'{"a":1}', b"1.5", b'"[[[[[[[[[[[a"', rb'"\\\"[[[[[[[[[[["'])
def test_accepts_a_large_body_of_samples(item: bytes) -> None:
    body = b'{"x":[' + b",".join([item] * 50_000) + b"]}"
    assert len(read(body)["x"]) >= 50_000


@pytest.mark.parametrize("item", [b"[" * 900 + b"1" + b"]" * 900, b"[[[[]]]]", b'{"":{"":{"":1}}}'])
def test_refuses_lists_that_would_fill_the_memory(item: bytes) -> None:
    count = 500_000 // len(item)
    read(b'{"x":[' + b",".join([item] * (count // 10)) + b"]}")  # there is memory for a few of them
    with pytest.raises(Invalid, match="expected fewer lists and objects"):
        read(b'{"x":[' + b",".join([item] * count) + b"]}")


@pytest.mark.parametrize(
    "body",
    [
        rb'{"id":"urn:a:b\u003a","x":[":",{"b:":":"}],"y":{"c":[{"d":1},2,{"d":1}]}}',
        rb'{"id":"\\\":\\","x":[[{"a\"":1}]]}',
        b'{"x":[1,{"b":":"}],"y":' + b"[" * 1000 + b"]" * 1000 + b"}",
    ],
)
def test_colons_in_strings_and_deep_lists_are_no_repeated_fields(body: bytes) -> None:
    assert read(body).keys() == orjson.loads(body).keys()


def test_parses_a_body_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("json.loads")  # it would hold Python's lock for the whole body
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
    ("value", "of", "message"),
    [
        ([1], dict, "expected an object, found a list"),
        (1, str, "expected a string, found a number"),
        (True, int, "expected an integer, found true"),
        (1.5, int, "expected an integer, found a number"),
        ({}, list, "expected a list, found an object"),
    ],
)
def test_checks_the_type_of_a_field(value: object, of: type, message: str) -> None:
    assert field({}, "a", "a", of=of) is None
    with pytest.raises(Invalid, match=message):
        field({"a": value}, "a", "a", of=of)
