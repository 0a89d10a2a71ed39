"""The ledger as text: nothing is lost on the way, and whatever stands there is no reason to fail."""

import base64
import gzip
import json
import random
import time
import uuid
from contextlib import suppress

import pytest
from epochal_api.experiment.spec import MAX_PARAMETERS, MAX_TRIALS
from epochal_operator.experiment.ledger.encoding import (
    MAX_LINE,
    MAX_LINES,
    MAX_TEXT,
    InvalidLedger,
    decode,
    encode,
    sizes,
)
from epochal_operator.experiment.ledger.events import (
    MAX_EVENTS,
    Created,
    Diverged,
    Dropped,
    Event,
    Exhausted,
    Failed,
    Finished,
    Owner,
    Started,
    Unread,
    Warm,
)
from hypothesis import given
from hypothesis import strategies as some

ALL: list[Event] = [
    Owner("e"),
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
    some.builds(Owner, _text),
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
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


@given(some.lists(_events, max_size=20))
def test_what_is_written_is_read(events: list[Event]) -> None:
    assert decode(encode(events)) == tuple(events)


@given(some.lists(_events, min_size=1, max_size=20), some.integers(0, 10**6))
def test_what_is_cut_is_no_ledger(events: list[Event], cut: int) -> None:
    text = encode(events)
    if rest := text[: cut % len(text)]:
        with pytest.raises(InvalidLedger):
            decode(rest)


@given(some.lists(_events, max_size=20), some.integers(0, 20))
def test_what_is_added_is_written_and_read_as_if_all_were(events: list[Event], count: int) -> None:
    known, more = tuple(events[:count]), events[count:]
    before, text = encode(known), encode(events)
    assert encode(more, before, known) == text
    assert decode(text) == tuple(events)


@pytest.mark.parametrize("space", ["{}\n", " {}", "{}\r\n\r\n"])
def test_white_space_does_no_harm(space: str) -> None:
    assert decode(space.format(encode(ALL))) == tuple(ALL)


def test_what_is_changed_is_no_ledger() -> None:
    text = encode(ALL)
    middle = len(text) // 2
    for changed in ("!", "A" if text[middle] != "A" else "B"):
        with pytest.raises(InvalidLedger):
            decode(text[:middle] + changed + text[middle + 1 :])


@pytest.mark.parametrize("text", ["", "\n"])
def test_what_is_not_there_is_not_damaged(text: str) -> None:
    assert decode(text) == ()


@given(some.text())
def test_whatever_stands_there_is_no_other_reason_to_fail(text: str) -> None:
    for data in (text, packed(text)):
        with suppress(InvalidLedger):
            assert decode(data) == decode(data)


def test_each_event_is_a_line_that_a_person_can_read() -> None:
    assert [json.loads(line)[0] for line in lines(encode(ALL))] == [type(one).__name__ for one in ALL]
    assert lines(encode([started := Started(3, 1, "a")])) == ['["Started",3,1,"a"]']
    assert decode(encode([started])) == (started,)


def test_the_same_events_are_the_same_text_whenever_they_are_written() -> None:
    assert encode(ALL) == encode(list(decode(encode(ALL))))
    assert encode([]) == ""


def test_what_another_version_has_written_is_kept_as_it_is() -> None:
    later = '["Rewound",3]'
    read = decode(packed(f"{later}\n{later}\n"))
    assert read == (Unread(later), Unread(later))
    assert lines(encode(read)) == [later, later]


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        "[" * 200_000,
        "[]",
        "{}",
        "[[]]",
        '["Started",3]',
        '["Started","3",0,"a"]',
        '["Started",-1,0,"a"]',
        '["Created",3,{"rate":1},0]',
        '["Finished",3,0,1,0.5,"a",1,false]',
        '["Finished",[],{},1,"0.5",null,1,false]',
        f'["Dropped",1,"{"a" * MAX_LINE}"]',
        json.dumps(["Created", 0, {f"p{number}": "1" for number in range(MAX_PARAMETERS + 1)}, 0]),
        f'["Dropped",{10**9 + 1}]',
        f'["Started",0,0,"{"a" * 257}"]',
        f'["Created",0,{{"rate":"{"9" * 257}"}},0]',
        f'["Created",0,{{"{"p" * 257}":"1"}},0]',
    ],
)
def test_a_line_that_only_another_version_can_have_written_is_kept(line: str) -> None:
    read = decode(packed(f"{line}\n{lines(encode([Dropped(1)]))[0]}\n"))
    assert read == (Unread(line), Dropped(1))
    assert lines(encode(read))[0] == line


@pytest.mark.parametrize(
    "event",
    [Dropped(-1), Started(0, 0, "a" * 257), Created(0, {"units": "9" * 257}, 0), Created(0, {"p" * 257: "1"}, 0)],
)
def test_an_event_that_could_not_be_read_again_is_not_written(event: Event) -> None:
    with pytest.raises(InvalidLedger, match=f"must be a {type(event).__name__} with valid fields"):
        encode([event])


@pytest.mark.parametrize("line", ['["Dropped",1]', "12", '["Invented"]'])
def test_a_text_that_becomes_endless_is_refused(line: str) -> None:
    text = packed(f"{line}\n" * (MAX_LINES // len(line)))
    assert len(text) < MAX_TEXT
    with pytest.raises(InvalidLedger, match=f"{MAX_EVENTS} lines"):
        decode(text)


def test_the_largest_trial_is_read() -> None:
    values = {f"{'p' * 60}{number}": "\u00e9" * 256 for number in range(MAX_PARAMETERS)}
    assert decode(encode([Created(0, values, 0)])) == (Created(0, values, 0),)


def test_trials_that_are_much_alike_take_of_the_room_what_their_lines_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epochal_operator.experiment.ledger.encoding.MAX_LINES", 1_000_000)
    values = {f"p{number}": "\u00e9" * 256 for number in range(MAX_PARAMETERS)}
    fits, more = (encode([Created(number, values, 0) for number in range(count)]) for count in (20, 21))
    assert len(more) < MAX_TEXT / 2
    assert 0.95 * MAX_TEXT < sizes(fits).taken < MAX_TEXT
    assert len(decode(fits)) == 20
    assert sizes(more).taken > MAX_TEXT
    with pytest.raises(InvalidLedger):
        decode(more)


def test_most_ledgers_take_of_the_room_what_their_text_does() -> None:
    assert sizes(encode(ALL)).taken == len(encode(ALL))
    assert sizes("").taken == 0


def test_a_uid_stands_there_once() -> None:
    events: list[Event] = [
        Started(3, 1, "a"),
        Finished(3, 1, 9, "0.5", "a", 60, ended=True),
        Failed(4, 0, "", "Rejected"),
    ]
    assert lines(encode(events))[1:] == ['["Finished",3,1,9,"0.5",null,60,true]', '["Failed",4,0,"","Rejected"]']
    assert decode(encode(events)) == tuple(events)
    assert decode(encode([Finished(3, 1, 9, "0.5", "b", 60, ended=True)])) != ()


def test_a_field_that_a_later_version_has_added_is_no_matter() -> None:
    assert decode(packed('["Started",3,1,"a",{"node":"b"}]\n')) == (Started(3, 1, "a"),)


def test_a_search_of_all_trials_that_there_may_be_has_room() -> None:
    dice, events = random.Random(7), list[Event]()  # noqa: S311 - no secret
    for trial in range(MAX_TRIALS):
        values = {f"parameter{number}": f"{dice.uniform(0.0001, 0.1):.8g}" for number in range(8)}
        events.append(Created(trial, values, max(0, len(events) - 100)))
        for rung in range(1 + (trial % 3 == 0) + (trial % 9 == 0)):
            uid = str(uuid.UUID(int=dice.getrandbits(128)))
            seconds = 60 + dice.randrange(30)
            events.append(Started(trial, rung, uid))
            events.append(Finished(trial, rung, 3**rung, f"{dice.random():.6g}", uid, seconds, ended=False))
        events.append(Dropped(trial))
    assert len(encode(events)) < 0.9 * MAX_TEXT


def test_no_more_trials_are_read_than_a_search_may_have() -> None:
    with pytest.raises(InvalidLedger, match=f"{MAX_TRIALS} trials"):
        decode(encode([Created(number, {}, 0) for number in range(MAX_TRIALS + 1)]))


def test_twice_the_lines_take_twice_the_time() -> None:
    def seconds(count: int) -> float:
        text, best = packed('["Finished",0,0,1,"0.5","u",1,false]\n' * count), float("inf")
        for _ in range(5):
            began = time.thread_time()
            decode(text)
            best = min(best, time.thread_time() - began)
        return best

    assert seconds(MAX_EVENTS) < 3 * seconds(MAX_EVENTS // 2)
