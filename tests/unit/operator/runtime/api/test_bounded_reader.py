"""Reading of the API server's JSON: everything within the bounds, without recursion and without parsing the rest."""

import json
import re
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from typing import Any, Self

import pytest
from epochal_lib import json_spans as module
from epochal_operator.runtime.api.bounded_reader import (
    RAW_JSON_BYTES,
    SPEC_OMITTED,
    BoundedReader,
    Bounds,
    parse_raw_json,
    split_lines,
    union,
)
from epochal_operator.runtime.api.pages import MAX_PAGE_BYTES
from hypothesis import given
from hypothesis import strategies as st

BOUNDS = Bounds(conditions=frozenset({"Ready", "Complete"}), domains=("epochal.dev/",))
READER = BoundedReader(BOUNDS)
read = READER.read
METADATA = {"name": "digits", "namespace": "vision", "uid": "u", "resourceVersion": "7", "generation": 2}
STATUS = {"state": "Running"}
FILLING = "x" * BOUNDS.part_bytes
"""Makes an object too large as a whole, so that it is looked at more closely."""


class Memory:
    """The memory in bytes that a block allocates: at most (`peak`), and at its end (`kept`)."""

    def __enter__(self) -> Self:
        tracemalloc.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kept, self.peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()


def encoded(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


async def watched(line: bytes) -> bytes:
    """Return the line that kopf gets in place of a line of a watch."""

    async def body() -> AsyncIterator[bytes]:
        yield line + b"\n"

    (found,) = [one async for one in READER.watch_lines(body())]
    return found


def job(**fields: Any) -> dict[str, Any]:
    return {"kind": "TrainingJob", "metadata": dict(METADATA), "spec": {"suspend": True}, "status": STATUS} | fields


def with_value(text: str, **fields: Any) -> bytes:
    """Returns a TrainingJob with JSON as an argument of its network."""
    spec = {"suspend": True, "network": {"layers": [{"layer": "Dense", "units": "@"}]}, "workers": 1}
    return encoded(job(spec=spec, **fields)).replace(b'"@"', text.encode())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(['"', "\\", '\\"', "[", "}", "{]", "\x00"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_an_object_within_the_bounds_is_read_unchanged(value: Any, ascii_only: bool) -> None:  # noqa: FBT001
    """As a line, and in a list that is too large to be read at once."""
    one = job(spec={"value": value})
    text = json.dumps(one, ensure_ascii=ascii_only).encode()
    assert read(text) == one
    items = [one, job(spec={"filling": FILLING[:-200]}), one]
    whole = {"metadata": {"resourceVersion": "9", "continue": "c"}, "items": items}
    assert read(json.dumps(whole, ensure_ascii=ascii_only).encode()) == whole


def test_both_ways_to_parse_return_the_same_object() -> None:
    one = job(status={"filling": FILLING[:-100]}, spec={"a": [{}, [], {"b": [1, -2.5e3, None, True, "}"]}], "ü": "\\"})
    assert read(encoded(one)) == one
    assert read(b" \n" + json.dumps(one, indent=2).encode() + b"\n") == one


def nested(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + closing * levels


# The spec itself, its network, layers, and the layer are four levels.
@pytest.mark.parametrize("levels", [1, 20, BOUNDS.part_levels - 4])
def test_a_spec_within_the_nesting_limit_is_read(levels: int) -> None:
    text = with_value(nested(levels))
    assert read(text) == json.loads(text)


@pytest.mark.parametrize("levels", [BOUNDS.part_levels - 3, 150, 900, 1_500, 9_900])
@pytest.mark.parametrize(
    ("opening", "closing", "inside"),
    [("[", "]", ""), ('{"a":', "}", "1"), ('[{"a":"]"},', "]", "1"), ("[[],", ",{}]", '"]"')],
)
def test_a_spec_beyond_the_nesting_limit_is_omitted_and_reported(
    levels: int, opening: str, closing: str, inside: str
) -> None:
    beside = len(opening) > 1 and opening[0] == "["  # a value beside the last level is a level, too
    text = with_value(opening * (levels - beside) + inside + closing * (levels - beside))
    found = read(text)
    assert found == job(spec={"suspend": True, "workers": 1}) | {SPEC_OMITTED: found[SPEC_OMITTED]}
    assert found[SPEC_OMITTED].startswith(
        f"spec.network: must be nested at most {BOUNDS.part_levels} levels deep within spec"
    )
    assert int(found[SPEC_OMITTED].split()[-1]) == levels + 4


async def test_other_objects_of_a_list_are_read() -> None:
    bad, good = with_value(nested(9_900)).decode(), job()
    of_list = read(f'{{"metadata":{{"resourceVersion":"9"}},"items":[{bad},{json.dumps(good)}]}}'.encode())
    assert [SPEC_OMITTED in one for one in of_list["items"]] == [True, False]
    assert of_list["items"][1] == good
    assert of_list["metadata"] == {"resourceVersion": "9"}
    line = json.loads(await watched(f'{{"type":"ADDED","object":{bad}}}'.encode()))
    assert line["type"] == "ADDED"
    assert parse_raw_json(line["object"]) == of_list["items"][0]


def test_large_or_deep_metadata_is_omitted_without_a_fault() -> None:
    labels = {f"label-{number}": "a" for number in range(2_000)} | {"epochal.dev/trainingjob": "digits"}
    metadata = METADATA | {"labels": labels, "managedFields": "@@", "ownerReferences": [{"uid": FILLING}]}
    found = read(with_value("1", metadata=metadata).replace(b'"@@"', nested(9_900).encode()))
    assert found["metadata"] == METADATA | {"labels": {"epochal.dev/trainingjob": "digits"}}
    assert SPEC_OMITTED not in found


def condition(kind: str, message: str = "") -> dict[str, Any]:
    return {"type": kind, "status": "True", "reason": "X", "message": message}


@pytest.mark.parametrize("filling", [[condition(f"Team{number}", "m" * 30_000) for number in range(5)], "@@"])
def test_of_a_status_beyond_the_bounds_the_own_fields_are_read(filling: Any) -> None:
    """Other writers write conditions, too: a condition beyond the bounds is no fault of the spec."""
    ours = {"state": "Complete", "startTime": "a", "progress": {"epoch": 3, "waiting": {"reason": "X"}}}
    others = filling if isinstance(filling, list) else [filling]
    conditions = [condition("Ready", "r"), *others, condition("Complete")]
    status = {"conditions": conditions, "other": [FILLING]} | ours
    found = read(encoded(job(status=status)).replace(b'"@@"', nested(900).encode()))
    assert found == job(status=ours | {"conditions": [condition("Ready", "r"), condition("Complete")]})


def test_deep_values_are_tokenized_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokenizing takes a second for the largest object; the other objects of a list are not tokenized."""
    seen: list[int] = []
    whole = module._TOKEN

    class Token:
        def finditer(self, data: bytes, start: int) -> Iterator[re.Match[bytes]]:
            for token in whole.finditer(data, start):
                seen.append(token.start())
                yield token

    monkeypatch.setattr(module, "_TOKEN", Token())
    bad, good = with_value("[" * 150 + "]" * 150), with_value("[" + ",".join(["[]"] * 60_000) + "]")
    found = read(b'{"metadata":{"resourceVersion":"9"},"items":[' + bad + b"," + good + b"]}")
    assert [one[SPEC_OMITTED].split(":")[0] for one in found["items"]] == ["spec.network", "spec"]
    assert len(seen) == len(set(seen)) < 400


LARGE = {
    "lists": "[" + ",".join(["[]"] * 400_000) + "]",
    "objects": "[" + ",".join(["{}"] * 400_000) + "]",
    "texts": "[" + ",".join(['""'] * 400_000) + "]",
    "pairs": "[" + ",".join(['{"":[]}'] * 150_000) + "]",
    "text": json.dumps("a" * 1_200_000),
    "escapes": json.dumps("\n" * 600_000),
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_spec_beyond_the_bounds_is_not_parsed(kind: str) -> None:
    text = with_value(LARGE[kind])
    line = b'{"type":"ADDED","object":' + text + b"}"
    with Memory() as memory:
        found = read(line)
    assert memory.peak < 3 * len(text), "one or two copies of the text; as values it takes 20 times its size"
    assert found["object"]["spec"] == {"suspend": True, "workers": 1}
    fault = found["object"][SPEC_OMITTED]
    assert fault.startswith(f"spec: must fit in {BOUNDS.part_bytes} bytes as JSON, found ")
    assert fault.endswith(": use fewer layers")


def test_metadata_beyond_the_bounds_is_not_parsed() -> None:
    labels = {f"label-{number}": "a" for number in range(10_000)} | {"epochal.dev/trainingjob": "digits"}
    fields: dict[str, Any] = {f"f:{number}": {} for number in range(10_000)}
    large = METADATA | {"labels": labels, "managedFields": [{"manager": "m", "fieldsV1": fields}]}
    text = encoded(job(metadata=large))
    with Memory() as memory:
        found = read(text)
    assert found["metadata"] == METADATA | {"labels": {"epochal.dev/trainingjob": "digits"}}
    assert memory.peak < 2 * len(text)


def test_html_escapes_of_the_api_server_count_as_one_byte() -> None:
    text = encoded(job(spec={"code": "<" * 100_000})).replace(b"<", rb"\u003c")
    assert read(text) == job(spec={"code": "<" * 100_000})


def test_api_discovery_is_read_unchanged() -> None:
    groups = {"kind": "APIGroupList", "groups": [{"name": f"group-{number}"} for number in range(10_000)]}
    assert read(encoded(groups)) == groups


@pytest.mark.parametrize(
    "text",
    [
        "",
        "404 page not found",
        "<html>{",
        "{",
        '{"a":',
        '{"a" "b"',
        "[[[]",
        "[" * 9_900,
        nested(3_000),
        '"x',
        '{"items":[',
    ],
)
def test_invalid_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        read(text.encode())


@given(st.binary(max_size=200) | st.text('[]{}",:\\ a1', max_size=200).map(str.encode))
def test_any_bytes_are_read_or_a_value_error(text: bytes) -> None:
    for data in (text, text + b" " * BOUNDS.part_bytes):
        try:
            read(data)
        except ValueError:
            continue


async def test_a_small_watch_line_is_unchanged() -> None:
    line = encoded({"type": "MODIFIED", "object": job()})
    assert await watched(line) == line
    assert parse_raw_json(job()) == job()


async def test_the_object_of_a_large_watch_line_is_kept_as_text() -> None:
    one = job(spec={"value": [[]] * 40_000})
    line = await watched(encoded({"type": "MODIFIED", "object": one}))
    with Memory() as memory:
        found = json.loads(line)
    assert memory.kept < len(line) + RAW_JSON_BYTES
    assert found["type"] == "MODIFIED"
    assert found["object"]["metadata"] == {name: text for name, text in METADATA.items() if name != "generation"}
    assert found["object"]["kind"] == "TrainingJob"
    assert parse_raw_json(found["object"]) == one


async def test_lines_are_complete_with_any_chunks() -> None:
    long = b"x" * 400_000

    async def chunks() -> AsyncIterator[bytes]:
        for chunk in (b"a\nb", b"c\n\n", long, long + b"\nend"):
            yield chunk

    assert [line async for line in split_lines(chunks())] == [b"a", b"bc", 2 * long, b"end"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (b'{"args":["%b"]}' % (b"\\u003c" * (1536 * 1024)), 1),  # The API server lists a stored < as six bytes.
        (b'{"args":[%b[]]}' % (b"[]," * 40_000), MAX_PAGE_BYTES // 122_000),
    ],
    ids=["the largest object", "as many Python objects as fit in a page"],
)
def test_the_largest_page_takes_at_most_half_of_the_memory_limit(text: bytes, count: int) -> None:
    pod = b'{"metadata":{"name":"a","namespace":"b","uid":"c"},"spec":%b}' % text
    page = b'{"metadata":{"resourceVersion":"1"},"items":[%b]}' % b",".join([pod] * count)
    with Memory() as memory:
        items = read(page)["items"]
    assert len(items) == count
    assert len(page) + memory.peak < 256 * 1024 * 1024


def test_the_union_of_bounds_admits_the_objects_of_each_kind() -> None:
    one = Bounds(part_bytes=7, part_levels=9, conditions=frozenset({"Ready"}), domains=("a.dev/",))
    other = Bounds(part_bytes=8, part_levels=5, conditions=frozenset({"Ready", "Served"}), domains=("b.dev/", "a.dev/"))
    assert union([one, other]) == Bounds(8, 9, frozenset({"Ready", "Served"}), ("a.dev/", "b.dev/"))
    assert union([]) == Bounds()
