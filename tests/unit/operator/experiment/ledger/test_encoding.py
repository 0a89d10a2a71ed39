"""Encoding and decoding of ledgers, with damaged and hostile texts."""

import base64
import gzip
import json
import random
import time
import uuid
from contextlib import suppress
from typing import Any

import pytest
from epochal_api.experiment.spec import MAX_PARAMETERS, MAX_TRIALS
from epochal_operator.experiment.ledger import encoding
from epochal_operator.experiment.ledger.encoding import (
    MAX_DECOMPRESSED_BYTES,
    MAX_LEDGER_BYTES,
    MAX_LINE,
    InvalidLedger,
    LedgerFull,
    decode,
    encode,
    sizes,
)
from epochal_operator.experiment.ledger.events import (
    MAX_EVENTS,
    CheckpointsUnneeded,
    Created,
    Diverged,
    Event,
    Failed,
    Finished,
    NoUntriedParameters,
    Owner,
    Started,
    UnknownEvent,
    WarmStartTrial,
)
from hypothesis import given
from hypothesis import strategies as some

ALL: list[Event] = [
    Owner("e"),
    WarmStartTrial("coarse", 4, {"rate": "0.01"}, "0.5", 9),
    Created(0, {"rate": "0.01", "optimizer": "Adam"}, 1),
    Started(0, 0, "a"),
    Finished(0, 0, 1, "0.5", "a", 60, is_last=False),
    Finished(0, 1, 9, None, "b", 60, is_last=True),
    Finished(0, 2, 9, "0.5", "b", 60, is_last=True, value_epoch=8),
    Diverged(1, 0, "c"),
    Failed(2, 0, "", "Rejected"),
    CheckpointsUnneeded(0),
    NoUntriedParameters(7),
]

_number, _text = some.integers(0, 10**6), some.text(max_size=40)
_parameters = some.dictionaries(_text, _text, max_size=4)
_events = some.one_of(
    some.builds(Owner, _text),
    some.builds(Created, _number, _parameters, _number),
    some.builds(Started, _number, _number, _text),
    some.builds(
        Finished, _number, _number, _number, some.none() | _text, _text, _number, some.booleans(), some.none() | _number
    ),
    some.builds(Diverged, _number, _number, _text),
    some.builds(Failed, _number, _number, _text, _text),
    some.builds(CheckpointsUnneeded, _number),
    some.builds(WarmStartTrial, _text, _number, _parameters, _text, _number),
    some.builds(NoUntriedParameters, _number),
)


def lines(text: str) -> list[str]:
    return gzip.decompress(base64.b64decode(text)).decode().splitlines()


def packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


@given(some.lists(_events, max_size=20))
def test_decode_returns_the_encoded_events(events: list[Event]) -> None:
    assert decode(encode(events)) == tuple(events)


@given(some.lists(_events, min_size=1, max_size=20), some.integers(0, 10**6))
def test_a_truncated_text_is_invalid(events: list[Event], cut: int) -> None:
    text = encode(events)
    if rest := text[: cut % len(text)]:
        with pytest.raises(InvalidLedger):
            decode(rest)


@given(some.lists(_events, max_size=20), some.integers(0, 20))
def test_appended_events_equal_a_full_encoding(events: list[Event], count: int) -> None:
    known, more = tuple(events[:count]), events[count:]
    before, text = encode(known), encode(events)
    assert encode(more, before, known) == text
    assert decode(text) == tuple(events)


@pytest.mark.parametrize("space", ["{}\n", " {}", "{}\r\n\r\n"])
def test_white_space_is_ignored(space: str) -> None:
    assert decode(space.format(encode(ALL))) == tuple(ALL)


def test_a_changed_character_is_invalid() -> None:
    text = encode(ALL)
    middle = len(text) // 2
    for changed in ("!", "A" if text[middle] != "A" else "B"):
        with pytest.raises(InvalidLedger):
            decode(text[:middle] + changed + text[middle + 1 :])


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_text_has_no_events(text: str) -> None:
    assert decode(text) == ()


@given(some.text())
def test_any_text_decodes_or_raises_invalid_ledger(text: str) -> None:
    for data in (text, packed(text)):
        with suppress(InvalidLedger):
            assert decode(data) == decode(data)


def test_each_event_is_a_json_line() -> None:
    stored = ["Owner", "Warm", "Created", "Started", *(["Finished"] * 3), "Diverged", "Failed", "Dropped", "Exhausted"]
    assert [json.loads(line)[0] for line in lines(encode(ALL))] == stored
    assert lines(encode([started := Started(3, 1, "a")])) == ['["Started",3,1,"a"]']
    assert decode(encode([started])) == (started,)


def test_equal_events_have_equal_texts() -> None:
    assert encode(ALL) == encode(list(decode(encode(ALL))))
    assert encode([]) == ""


def test_unknown_events_keep_their_lines() -> None:
    later = '["Rewound",3]'
    read = decode(packed(f"{later}\n{later}\n"))
    assert read == (UnknownEvent(later), UnknownEvent(later))
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
def test_invalid_lines_are_kept_as_unknown_events(line: str) -> None:
    read = decode(packed(f"{line}\n{lines(encode([CheckpointsUnneeded(1)]))[0]}\n"))
    assert read == (UnknownEvent(line), CheckpointsUnneeded(1))
    assert lines(encode(read))[0] == line


@pytest.mark.parametrize(
    "event",
    [
        CheckpointsUnneeded(-1),
        Started(0, 0, "a" * 257),
        Created(0, {"units": "9" * 257}, 0),
        Created(0, {"p" * 257: "1"}, 0),
        Started(0, 0, "\ud800"),
        Created(0, {"units": "\udfff"}, 0),
    ],
)
def test_events_with_invalid_fields_are_not_encoded(event: Event) -> None:
    with pytest.raises(InvalidLedger, match="with valid fields"):
        encode([event])


@pytest.mark.parametrize("line", ['["Dropped",1]', "12", '["Invented"]'])
def test_decompression_is_bounded(line: str) -> None:
    text = packed(f"{line}\n" * (MAX_DECOMPRESSED_BYTES // len(line)))
    assert len(text) < MAX_LEDGER_BYTES
    with pytest.raises(InvalidLedger, match=f"{MAX_EVENTS} lines"):
        decode(text)


def test_the_largest_trial_is_decoded() -> None:
    values = {f"{'p' * 60}{number}": "\u00e9" * 256 for number in range(MAX_PARAMETERS)}
    assert decode(encode([Created(0, values, 0)])) == (Created(0, values, 0),)


def test_used_size_counts_lines_of_similar_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epochal_operator.experiment.ledger.encoding.MAX_DECOMPRESSED_BYTES", 1_000_000)
    values = {f"p{number}": "\u00e9" * 256 for number in range(MAX_PARAMETERS)}
    fits = encode([Created(number, values, 0) for number in range(20)])
    assert len(fits) < MAX_LEDGER_BYTES / 2
    assert 0.95 * MAX_LEDGER_BYTES < sizes(fits).used < MAX_LEDGER_BYTES
    assert len(decode(fits)) == 20
    with pytest.raises(LedgerFull):
        encode([Created(20, values, 0)], fits)
    one_more = gzip.decompress(base64.b64decode(fits)) + gzip.decompress(
        base64.b64decode(encode([Created(20, values, 0)]))
    )
    with pytest.raises(InvalidLedger):
        decode(packed(one_more.decode()))


_ASTRAL = [chr(0x20000 + number) for number in range(1024)]


@pytest.mark.parametrize(("texts", "bound"), [(_ASTRAL[:1], 43), (_ASTRAL, 12)], ids=["4 MiB", "200 KiB packed"])
def test_the_encoding_stops_at_the_limit(texts: list[str], bound: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line has 98 KB. A thousand of them took 41 s of CPU time."""
    dice, lines = random.Random(0), list[str]()  # noqa: S311 - equal in each run
    line = encoding._line

    def noted(*arguments: Any) -> str:
        lines.append(line(*arguments))
        return lines[-1]

    monkeypatch.setattr(encoding, "_line", noted)
    trials = [
        Created(number, {f"p{index}": "".join(dice.choices(texts, k=256)) for index in range(MAX_PARAMETERS)}, 0)
        for number in range(2 * bound)
    ]
    with pytest.raises(LedgerFull):
        encode(trials)
    assert len(lines) <= bound


def test_one_event_too_many_is_refused() -> None:
    full = encode([CheckpointsUnneeded(0)] * MAX_EVENTS)
    assert len(decode(full)) == MAX_EVENTS
    with pytest.raises(LedgerFull):
        encode([CheckpointsUnneeded(0)], full)


def test_used_size_is_the_text_length() -> None:
    assert sizes(encode(ALL)).used == len(encode(ALL))
    assert sizes("").used == 0


def test_a_repeated_uid_is_stored_once() -> None:
    events: list[Event] = [
        Started(3, 1, "a"),
        Finished(3, 1, 9, "0.5", "a", 60, is_last=True),
        Failed(4, 0, "", "Rejected"),
    ]
    assert lines(encode(events))[1:] == ['["Finished",3,1,9,"0.5",null,60,true]', '["Failed",4,0,"","Rejected"]']
    assert decode(encode(events)) == tuple(events)
    assert decode(encode([Finished(3, 1, 9, "0.5", "b", 60, is_last=True)])) != ()


@pytest.mark.parametrize("epoch", ['"8"', "-1", "true", "0.5"])
def test_an_invalid_epoch_of_a_value_is_unknown(epoch: str) -> None:
    line = f'["Finished",3,1,9,"0.5","b",60,true,{epoch}]'
    assert decode(packed(f"{line}\n")) == (UnknownEvent(line),)


def test_additional_fields_are_ignored() -> None:
    assert decode(packed('["Started",3,1,"a",{"node":"b"}]\n')) == (Started(3, 1, "a"),)


def test_a_search_with_max_trials_fits() -> None:
    dice, events = random.Random(7), list[Event]()  # noqa: S311 - no secret
    for trial in range(MAX_TRIALS):
        values = {f"parameter{number}": f"{dice.uniform(0.0001, 0.1):.8g}" for number in range(8)}
        events.append(Created(trial, values, max(0, len(events) - 100)))
        for rung in range(1 + (trial % 3 == 0) + (trial % 9 == 0)):
            uid = str(uuid.UUID(int=dice.getrandbits(128)))
            seconds = 60 + dice.randrange(30)
            events.append(Started(trial, rung, uid))
            value, epoch = f"{dice.random():.6g}", 1 + dice.randrange(3**rung)
            events.append(Finished(trial, rung, 3**rung, value, uid, seconds, is_last=False, value_epoch=epoch))
        events.append(CheckpointsUnneeded(trial))
    assert len(encode(events)) < 0.9 * MAX_LEDGER_BYTES


def test_more_than_max_trials_are_invalid() -> None:
    with pytest.raises(InvalidLedger, match=f"{MAX_TRIALS} trials"):
        decode(encode([Created(number, {}, 0) for number in range(MAX_TRIALS + 1)]))


def test_decoding_takes_linear_time() -> None:
    def seconds(count: int) -> float:
        text, best = packed('["Finished",0,0,1,"0.5","u",1,false]\n' * count), float("inf")
        for _ in range(5):
            began = time.thread_time()
            decode(text)
            best = min(best, time.thread_time() - began)
        return best

    assert seconds(MAX_EVENTS // 4) < 3 * seconds(MAX_EVENTS // 8)
