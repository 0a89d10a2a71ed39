"""What is read of the API server's JSON: all there is, as far as the bounds go, and without recursion or expansion."""

import json
import re
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from epochal_operator.runtime.api import json_spans as module
from epochal_operator.runtime.api.bounded_reader import (
    FOLDED_BYTES,
    UNREAD,
    BoundedReader,
    Bounds,
    lines,
    unfold,
    widest,
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
def test_what_is_within_bounds_is_read_as_it_is(value: Any, ascii_only: bool) -> None:  # noqa: FBT001
    """As a line, and in a list that is too large to be read at once."""
    one = job(spec={"value": value})
    text = json.dumps(one, ensure_ascii=ascii_only).encode()
    assert read(text) == one
    items = [one, job(spec={"filling": FILLING[:-200]}), one]
    whole = {"metadata": {"resourceVersion": "9", "continue": "c"}, "items": items}
    assert read(json.dumps(whole, ensure_ascii=ascii_only).encode()) == whole


def test_what_is_read_at_once_and_what_is_looked_at_closely_are_the_same() -> None:
    one = job(status={"filling": FILLING[:-100]}, spec={"a": [{}, [], {"b": [1, -2.5e3, None, True, "}"]}], "ü": "\\"})
    assert read(encoded(one)) == one
    assert read(b" \n" + json.dumps(one, indent=2).encode() + b"\n") == one


def nested(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + closing * levels


# The spec itself, its network, layers, and the layer are four levels.
@pytest.mark.parametrize("levels", [1, 20, BOUNDS.part_levels - 4])
def test_a_spec_may_be_so_deep(levels: int) -> None:
    text = with_value(nested(levels))
    assert read(text) == json.loads(text)


@pytest.mark.parametrize("levels", [BOUNDS.part_levels - 3, 150, 900, 1_500, 9_900])
@pytest.mark.parametrize(
    ("opening", "closing", "inside"),
    [("[", "]", ""), ('{"a":', "}", "1"), ('[{"a":"]"},', "]", "1"), ("[[],", ",{}]", '"]"')],
)
def test_what_is_deeper_is_left_out_and_told(levels: int, opening: str, closing: str, inside: str) -> None:
    beside = len(opening) > 1 and opening[0] == "["  # what stands beside the last level is a level, too
    text = with_value(opening * (levels - beside) + inside + closing * (levels - beside))
    found = read(text)
    assert found == {
        "kind": "TrainingJob",
        "metadata": METADATA,
        "spec": {"suspend": True, "workers": 1},
        "status": STATUS,
        UNREAD: found[UNREAD],
    }
    assert found[UNREAD].startswith(
        f"spec.network: must be nested at most {BOUNDS.part_levels} levels deep within spec"
    )
    assert int(found[UNREAD].split()[-1]) == levels + 4


async def test_the_others_of_a_list_and_the_line_of_a_watch_are_read_too() -> None:
    bad, good = with_value(nested(9_900)).decode(), job()
    of_list = read(f'{{"metadata":{{"resourceVersion":"9"}},"items":[{bad},{json.dumps(good)}]}}'.encode())
    assert [UNREAD in one for one in of_list["items"]] == [True, False]
    assert of_list["items"][1] == good
    assert of_list["metadata"] == {"resourceVersion": "9"}
    line = json.loads(await watched(f'{{"type":"ADDED","object":{bad}}}'.encode()))
    assert line["type"] == "ADDED"
    assert unfold(line["object"]) == of_list["items"][0]


def test_what_is_deep_or_large_beside_the_spec_is_left_out_and_no_fault() -> None:
    labels = {f"label-{number}": "a" for number in range(2_000)} | {"epochal.dev/trainingjob": "digits"}
    metadata = METADATA | {"labels": labels, "managedFields": "@@", "ownerReferences": [{"uid": FILLING}]}
    found = read(with_value("1", metadata=metadata).replace(b'"@@"', nested(9_900).encode()))
    assert found["metadata"] == METADATA | {"labels": {"epochal.dev/trainingjob": "digits"}}
    assert UNREAD not in found


def condition(kind: str, message: str = "") -> dict[str, Any]:
    return {"type": kind, "status": "True", "reason": "X", "message": message}


@pytest.mark.parametrize("filling", [[condition(f"Team{number}", "m" * 30_000) for number in range(5)], "@@"])
def test_of_a_status_over_the_bounds_epochals_own_part_is_read(filling: Any) -> None:
    """Others write conditions, too, and no fault of theirs is one of the spec."""
    ours = {"state": "Complete", "startTime": "a", "progress": {"epoch": 3, "waiting": {"reason": "X"}}}
    conditions = [
        condition("Ready", "r"),
        *(filling if isinstance(filling, list) else [filling]),
        condition("Complete"),
    ]
    status = {"conditions": conditions, "other": [FILLING]} | ours
    found = read(encoded(job(status=status)).replace(b'"@@"', nested(900).encode()))
    assert found == job(status=ours | {"conditions": [condition("Ready", "r"), condition("Complete")]})


def test_what_is_deep_is_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Token by token, which takes a second for the largest object there can be; the others of a list are not."""
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
    assert [one[UNREAD].split(":")[0] for one in found["items"]] == ["spec.network", "spec"]
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
def test_a_spec_over_the_bound_is_not_expanded(kind: str) -> None:
    text = with_value(LARGE[kind])
    line = b'{"type":"ADDED","object":' + text + b"}"
    tracemalloc.start()
    try:
        found = read(line)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 3 * len(text), "one or two copies of the text, not the 20 times that it takes as values"
    assert found["object"]["spec"] == {"suspend": True, "workers": 1}
    told = found["object"][UNREAD]
    assert told.startswith(f"spec: must fit in {BOUNDS.part_bytes} bytes as JSON, found ")
    assert told.endswith(": use fewer layers")


def test_metadata_over_the_bound_is_not_expanded() -> None:
    labels = {f"label-{number}": "a" for number in range(50_000)} | {"epochal.dev/trainingjob": "digits"}
    fields: dict[str, Any] = {f"f:{number}": {} for number in range(50_000)}
    large = METADATA | {"labels": labels, "managedFields": [{"manager": "m", "fieldsV1": fields}]}
    text = encoded(job(metadata=large))
    tracemalloc.start()
    try:
        found = read(text)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found["metadata"] == METADATA | {"labels": {"epochal.dev/trainingjob": "digits"}}
    assert most < 2 * len(text)


def test_what_the_api_server_writes_longer_than_needed_counts_as_what_it_stands_for() -> None:
    text = encoded(job(spec={"code": "<" * 100_000})).replace(b"<", rb"\u003c")
    assert read(text) == job(spec={"code": "<" * 100_000})


def test_what_there_is_of_apis_is_nobodys_object() -> None:
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
def test_what_is_no_answer_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        read(text.encode())


@given(st.binary(max_size=200) | st.text('[]{}",:\\ a1', max_size=200).map(str.encode))
def test_whatever_comes_it_is_read_or_a_value_error(text: bytes) -> None:
    for data in (text, text + b" " * BOUNDS.part_bytes):
        try:
            read(data)
        except ValueError:
            continue


async def test_a_small_line_of_a_watch_stays_as_it_is() -> None:
    line = encoded({"type": "MODIFIED", "object": job()})
    assert await watched(line) == line
    assert unfold(job()) == job()


async def test_what_a_large_line_of_a_watch_tells_of_is_a_text_to_whoever_keeps_it() -> None:
    one = job(spec={"value": [[]] * 40_000})
    line = await watched(encoded({"type": "MODIFIED", "object": one}))
    tracemalloc.start()
    try:
        found = json.loads(line)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < len(line) + FOLDED_BYTES
    assert found["type"] == "MODIFIED"
    assert found["object"]["metadata"] == {name: text for name, text in METADATA.items() if name != "generation"}
    assert found["object"]["kind"] == "TrainingJob"
    assert unfold(found["object"]) == one


async def test_lines_are_whole_however_they_come() -> None:
    long = b"x" * 400_000

    async def chunks() -> AsyncIterator[bytes]:
        for chunk in (b"a\nb", b"c\n\n", long, long + b"\nend"):
            yield chunk

    assert [line async for line in lines(chunks())] == [b"a", b"bc", 2 * long, b"end"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (b'{"args":["%b"]}' % (b"\\u003c" * (1536 * 1024)), 1),  # What is stored as a < is listed as six bytes.
        (b'{"args":[%b[]]}' % (b"[]," * 40_000), MAX_PAGE_BYTES // 122_000),
    ],
    ids=["the largest object", "as many Python objects as fit in a page"],
)
def test_a_page_leaves_half_of_the_operators_memory(text: bytes, count: int) -> None:
    pod = b'{"metadata":{"name":"a","namespace":"b","uid":"c"},"spec":%b}' % text
    page = b'{"metadata":{"resourceVersion":"1"},"items":[%b]}' % b",".join([pod] * count)
    tracemalloc.start()
    items = read(page)["items"]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(items) == count
    assert len(page) + peak < 256 * 1024 * 1024


def test_whatever_is_within_the_bounds_of_one_kind_is_read_beside_another() -> None:
    one = Bounds(part_bytes=7, part_levels=9, conditions=frozenset({"Ready"}), domains=("a.dev/",))
    other = Bounds(part_bytes=8, part_levels=5, conditions=frozenset({"Ready", "Served"}), domains=("b.dev/", "a.dev/"))
    assert widest([one, other]) == Bounds(8, 9, frozenset({"Ready", "Served"}), ("a.dev/", "b.dev/"))
    assert widest([]) == Bounds()
