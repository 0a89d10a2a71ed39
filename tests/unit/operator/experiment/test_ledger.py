"""The ledger as text: nothing is lost on the way, and whatever stands there is no reason to fail."""

import base64
import gzip
import json
import random
import uuid
from typing import Any

import pytest
from epochal_operator.experiment.ledger import (
    MAX_LINES,
    MAX_TEXT,
    Created,
    Diverged,
    Dropped,
    Event,
    Exhausted,
    Failed,
    Finished,
    Started,
    Unread,
    Warm,
    decode,
    encode,
    read,
)
from hypothesis import given
from hypothesis import strategies as some

ALL: list[Event] = [
    Warm("coarse", 4, {"rate": "0.01"}, "0.5", 9),
    Created(0, {"rate": "0.01", "optimizer": "Adam"}, 1),
    Started(0, 0, "a"),
    Finished(0, 0, 1, "0.5", "a", 60, ended=False),
    Finished(0, 1, 9, None, "b", 60, ended=True),
    Diverged(1, 0, "c"),
    Failed(2, 0, "", "Rejected"),
    Dropped(0),
    Exhausted(7),
]

_number, _text = some.integers(0, 10**6), some.text(max_size=40)
_parameters = some.dictionaries(_text, _text, max_size=4)
_events = some.one_of(
    some.builds(Created, _number, _parameters, _number),
    some.builds(Started, _number, _number, _text),
    some.builds(Finished, _number, _number, _number, some.none() | _text, _text, _number, some.booleans()),
    some.builds(Diverged, _number, _number, _text),
    some.builds(Failed, _number, _number, _text, _text),
    some.builds(Dropped, _number),
    some.builds(Warm, _text, _number, _parameters, _text, _number),
    some.builds(Exhausted, _number),
)


def lines(text: str) -> list[str]:
    return gzip.decompress(base64.b64decode(text)).decode().splitlines()


def packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode())).decode()


@given(some.lists(_events, max_size=20))
def test_what_is_written_is_read(events: list[Event]) -> None:
    assert decode(encode(events)) == tuple(events)


@given(some.lists(_events, min_size=1, max_size=20), some.integers(0, 10**6))
def test_of_what_is_cut_the_first_events_are_read(events: list[Event], cut: int) -> None:
    text = encode(events)
    read = decode(text[: cut % len(text)])
    assert list(read) == events[: len(read)]


@pytest.mark.parametrize("space", ["{}\n", " {}", "{}\r\n\r\n"])
def test_white_space_does_no_harm(space: str) -> None:
    assert read(space.format(encode(ALL))) == (tuple(ALL), True)


def test_of_what_is_damaged_all_before_is_read_and_that_is_told() -> None:
    events = [Started(number, 0, str(uuid.UUID(int=random.Random(number).getrandbits(128)))) for number in range(500)]  # noqa: S311
    text = encode(events)
    middle = len(text) // 2
    other = "A" if text[middle] != "A" else "B"
    for damaged in (text[:-1], text[:middle], text[:middle] + "!" + text[middle + 1 :]):
        found, whole = read(damaged)
        assert not whole
        assert len(found) > 200
        assert list(found) == events[: len(found)]
    found, whole = read(text[:middle] + other + text[middle + 1 :])
    assert not whole
    assert list(found[:200]) == events[:200]


@pytest.mark.parametrize(("text", "whole"), [("", True), ("\n", True), (encode(ALL), True), ("x", False)])
def test_what_is_not_there_is_not_damaged(text: str, whole: bool) -> None:  # noqa: FBT001
    assert read(text).whole is whole


@given(some.text())
def test_whatever_stands_there_is_no_reason_to_fail(text: str) -> None:
    assert decode(text) in {(), decode(text)}
    decode(packed(text))


def test_each_event_is_a_line_that_a_person_can_read() -> None:
    assert [json.loads(line)["event"] for line in lines(encode(ALL))] == [type(one).__name__ for one in ALL]
    assert lines(encode([started := Started(3, 1, "a")])) == ['{"event":"Started","trial":3,"rung":1,"uid":"a"}']
    assert decode(encode([started])) == (started,)


def test_the_same_events_are_the_same_text_whenever_they_are_written() -> None:
    assert encode(ALL) == encode(list(decode(encode(ALL))))
    assert encode([]) == ""


def test_what_another_version_has_written_is_kept_as_it_is() -> None:
    later = '{"event":"Rewound","trial":3}'
    read = decode(packed(f"{later}\n{later}\n"))
    assert read == (Unread(later), Unread(later))
    assert lines(encode(read)) == [later, later]


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        "[]",
        '{"event":"Started","trial":3}',
        '{"event":"Started","trial":"3","rung":0,"uid":"a"}',
        '{"event":"Started","trial":-1,"rung":0,"uid":"a"}',
        '{"event":"Created","trial":3,"parameters":{"rate":1},"known":0}',
        '{"event":"Finished","trial":3,"rung":0,"epoch":1,"value":0.5,"uid":"a","seconds":1,"ended":false}',
    ],
)
def test_a_line_that_makes_no_sense_is_passed_over(line: str) -> None:
    assert decode(packed(f"{line}\n{lines(encode([Dropped(1)]))[0]}\n")) == (Dropped(1),)


def test_a_text_that_becomes_endless_is_read_as_far_as_there_is_room() -> None:
    line = lines(encode([Dropped(1)]))[0] + "\n"
    found = decode(packed(line * (MAX_LINES // len(line) + 1000)))
    assert len(found) == MAX_LINES // len(line)


def test_a_search_of_a_thousand_trials_has_room() -> None:
    dice, events = random.Random(7), list[Event]()  # noqa: S311 - no secret
    for trial in range(1000):
        values = {name: repr(dice.random()) for name in ("rate", "momentum", "dropout")} | {"filters": "32"}
        uid: Any = str(uuid.UUID(int=dice.getrandbits(128)))
        events += [Created(trial, values, max(0, len(events) - 100)), Started(trial, 0, uid)]
        for rung in range(1 + (trial % 3 == 0) + (trial % 9 == 0)):
            events.append(Finished(trial, rung, 3**rung, f"{dice.random():.6g}", uid, 60 + trial % 30, ended=False))
    assert len(encode(events)) < 0.9 * MAX_TEXT
