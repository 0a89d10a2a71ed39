r"""The ledger: all that an Experiment has observed, in the order in which it became known.

It only grows. Everything else about an Experiment (what becomes of its trials, what is suggested, its status) follows
from its spec, its ledger and the TrainingJobs that there are. An ExperimentLedger holds it as text:

    kubectl get experimentledger NAME -o jsonpath='{.data}' | base64 -d | gunzip
"""

import base64
import binascii
import gzip
import json
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, get_type_hints

from epochal_api.experiment import MAX_PARAMETERS, MAX_TRIALS
from epochal_api.experiment_ledger import MAX_DATA

MAX_TEXT = MAX_DATA
"""Bytes of a ledger as text."""
MAX_LINES = 4 * 1024**2
"""Bytes of the unpacked lines: 4 KiB for each of 1,000 trials."""
MAX_EVENTS = 32 * 1024
"""Events that are read: several times as many as a search of all trials has, and a text may hold a million."""
EVENT_BYTES = 128
"""Bytes of an event in memory, beside its texts."""
MAX_NUMBER = 10**9
"""The largest number in an event: more than any trial, epoch or second."""
MAX_WORD = 256
"""Characters of a name, a value or a reason: a parameter's value has the most."""
MAX_LINE = 128 * 1024
"""Characters of a line that is read: more than the parameters of a trial take, each character written as twelve."""
_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 9
_PIECE = 256
"""Characters that are read at once: what is damaged costs no more than the lines that end in such a piece."""


@dataclass(frozen=True)
class Owner:
    """Whose ledger it is: the first event of each.

    Args:
        uid: The Experiment.
    """

    uid: str


@dataclass(frozen=True)
class Created:
    """A trial was decided upon.

    Args:
        trial: Its number.
        parameters: Its parameters, as text.
        known: Events of the ledger that were known when it was suggested: the first ones.
    """

    trial: int
    parameters: Mapping[str, str]
    known: int


@dataclass(frozen=True)
class Started:
    """A TrainingJob of a rung of a trial is there.

    Args:
        trial: The trial.
        rung: The rung, counted from 0.
        uid: The TrainingJob.
    """

    trial: int
    rung: int
    uid: str


@dataclass(frozen=True)
class Finished:
    """A rung of a trial is complete.

    Args:
        trial: The trial.
        rung: The rung.
        epoch: Its last epoch, counted from the trial's first one.
        value: What the trial is worth by then.
        uid: The TrainingJob.
        seconds: How long it took.
        ended: Whether the trial does not go on: all its epochs are trained, or a callback has ended it.
    """

    trial: int
    rung: int
    epoch: int
    value: str | None
    uid: str
    seconds: int
    ended: bool


@dataclass(frozen=True)
class Diverged:
    """The loss of a trial is no number any more.

    Args:
        trial: The trial.
        rung: The rung.
        uid: The TrainingJob.
    """

    trial: int
    rung: int
    uid: str


@dataclass(frozen=True)
class Failed:
    """A trial has failed, or the API server has refused it.

    Args:
        trial: The trial.
        rung: The rung.
        uid: The TrainingJob; empty if there is none.
        reason: Why, in one word.
    """

    trial: int
    rung: int
    uid: str
    reason: str


CHECKPOINT_LOST = "CheckpointLost"
"""Why a trial cannot go on that has not failed: the checkpoint of its rung before is gone. What it was worth stands."""


@dataclass(frozen=True)
class Dropped:
    """The checkpoints of a trial are given up: it never goes on.

    Args:
        trial: The trial.
    """

    trial: int


@dataclass(frozen=True)
class Warm:
    """A trial of another Experiment is known from the beginning.

    Args:
        experiment: The other Experiment.
        trial: Its number there.
        parameters: Its parameters, as text.
        value: What it was worth.
        epoch: Its last epoch.
    """

    experiment: str
    trial: int
    parameters: Mapping[str, str]
    value: str
    epoch: int


@dataclass(frozen=True)
class Exhausted:
    """There is nothing left to suggest that was not tried.

    Args:
        known: Events of the ledger that were known by then.
    """

    known: int


@dataclass(frozen=True)
class Unread:
    """Something that another version of Epochal has observed, which this one does not understand.

    Args:
        line: Its line of the ledger.
    """

    line: str


Event = Owner | Created | Started | Finished | Diverged | Failed | Dropped | Warm | Exhausted | Unread
_KINDS: Mapping[str, type[Any]] = {
    kind.__name__: kind for kind in (Owner, Created, Started, Finished, Diverged, Failed, Dropped, Warm, Exhausted)
}
_TYPES: Mapping[str, Mapping[str, Any]] = {name: get_type_hints(kind) for name, kind in _KINDS.items()}


def encode(events: Sequence[Event], before: str = "", known: Sequence[Event] = ()) -> str:
    """Returns a ledger as text: gzipped lines of JSON, in base64.

    Args:
        events: What was observed.
        before: The ledger that it is added to, whose lines stay as they are; it must be whole.
        known: The events of that ledger.
    """
    uids = _Uids(known)
    lines = [*_lines(before)[0], *(_line(event, uids) for event in events)]
    text = "".join(f"{line}\n" for line in lines)
    return base64.b64encode(gzip.compress(text.encode(), _LEVEL, mtime=0)).decode() if text else ""


class Sizes(NamedTuple):
    """Sizes of a ledger.

    Args:
        taken: Bytes that it takes of MAX_TEXT: its text's, or an equal share if that of its lines or events is larger.
            Lines that are much alike fill the room for lines before that for text.
        unpacked: Bytes of its lines, and of an object for each.
    """

    taken: int
    unpacked: int


NOTHING = Sizes(0, 0)


class Reading(NamedTuple):
    """The readable events of a ledger.

    Args:
        events: Its events.
        whole: Whether these are all that it held.
        sizes: Its sizes.
    """

    events: tuple[Event, ...]
    whole: bool
    sizes: Sizes = NOTHING


def read(text: str) -> Reading:
    """Returns the readable events of a ledger, in linear time and within the bounds above.

    Args:
        text: The ledger as text; white space does not count.
    """
    lines, whole = _lines(text)
    uids, events, created = _Uids(), list[Event](), 0
    for line in lines:
        event = _event(line, uids)
        created += isinstance(event, Created)
        if event is None or created > MAX_TRIALS:
            whole = False
        else:
            events.append(event)
    return Reading(tuple(events), whole, _sizes(text, lines))


def decode(text: str) -> tuple[Event, ...]:
    """Returns the events of a ledger; of one that is damaged, those that can be read.

    Args:
        text: The ledger as text.
    """
    return read(text).events


def sizes(text: str) -> Sizes:
    """Returns the sizes of a ledger.

    Args:
        text: The ledger as text.
    """
    return _sizes(text, _lines(text)[0])


def _sizes(text: str, lines: Sequence[str]) -> Sizes:
    unpacked = sum(len(line) + 1 for line in lines)
    share = max(unpacked / MAX_LINES, len(lines) / MAX_EVENTS)
    return Sizes(max(len(text), math.ceil(share * MAX_TEXT)), unpacked + EVENT_BYTES * len(lines))


def own(events: tuple[Event, ...], uid: str) -> tuple[Event, ...]:
    """Returns the events of a ledger that is an Experiment's own; none of a copy of another one's.

    Args:
        events: The ledger.
        uid: The Experiment.
    """
    return events if events[:1] == (Owner(uid),) else ()


class _Uids(dict[tuple[int, int], str]):
    """The TrainingJobs of rungs, by the events so far: a uid is the longest part of a line, and stands there once."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        super().__init__(((one.trial, one.rung), one.uid) for one in events if isinstance(one, Started))

    def of(self, trial: object, rung: object) -> str:
        """Returns the uid of a rung; none if it is not there, as where a line is damaged."""
        return self.get((trial, rung), "") if isinstance(trial, int) and isinstance(rung, int) else ""

    def note(self, event: Event) -> None:
        """Takes note of an event."""
        if isinstance(event, Started):
            self[event.trial, event.rung] = event.uid


def _line(event: Event, uids: _Uids) -> str:
    """Returns an event as a list: its kind, and its fields in their order."""
    if isinstance(event, Unread):
        return event.line
    fields = vars(event)
    if isinstance(event, Finished | Diverged | Failed) and event.uid == uids.get((event.trial, event.rung)):
        fields = fields | {"uid": None}
    uids.note(event)
    return json.dumps([type(event).__name__, *fields.values()], separators=(",", ":"))


def _lines(text: str) -> tuple[list[str], bool]:
    """Returns the whole lines of a ledger, as far as it can be read, and whether that is all of it."""
    text = "".join(text.split())
    if (undamaged := _at_once(text)) is not None:
        return undamaged, True
    reader, lines, whole = zlib.decompressobj(_GZIP), bytearray(), True
    try:
        for start in range(0, len(text), _PIECE):
            lines += reader.decompress(base64.b64decode(text[start : start + _PIECE], validate=True))
            if len(lines) > MAX_LINES:
                break
    except (binascii.Error, ValueError, zlib.error):
        whole = False
    del lines[MAX_LINES:]
    found, rest = _split(lines)
    return found, not text or (whole and reader.eof and not reader.unused_data and not rest)


def _at_once(text: str) -> list[str] | None:
    """Returns the lines of a ledger of which nothing is damaged, nor too much: then it need not be read in pieces."""
    reader = zlib.decompressobj(_GZIP)
    try:
        found, rest = _split(reader.decompress(base64.b64decode(text, validate=True), MAX_LINES))
    except (binascii.Error, ValueError, zlib.error):
        return None
    return None if rest or reader.unused_data or not reader.eof else found


def _split(content: bytes | bytearray) -> tuple[list[str], bytes | bytearray]:
    """Returns the whole lines of a text, as many as there may be, and what is left of it."""
    *found, rest = content.split(b"\n", MAX_EVENTS)
    return [line.decode(errors="replace") for line in found], rest


def _event(line: str, uids: _Uids) -> Event | None:
    """Returns what a line tells; nothing if it is damaged, or none that Epochal has written."""
    if len(line) > MAX_LINE:
        return None
    try:
        given = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, list) or not given or not isinstance(given[0], str):
        return None
    kind = _KINDS.get(given[0])
    if kind is None:
        return Unread(line)
    types = _TYPES[kind.__name__]
    fields = dict(zip(types, given[1:], strict=False))
    if fields.get("uid", "") is None:
        fields["uid"] = uids.of(fields.get("trial"), fields.get("rung"))
    if not all(_is(fields.get(name), wanted) for name, wanted in types.items()):
        return None
    made: Event = kind(**fields)
    uids.note(made)
    return made


def _is(value: object, wanted: Any) -> bool:
    if wanted is int:
        return type(value) is int and 0 <= value <= MAX_NUMBER
    if wanted == Mapping[str, str]:
        return (
            isinstance(value, dict)
            and len(value) <= MAX_PARAMETERS
            and all(isinstance(one, str) and max(len(name), len(one)) <= MAX_WORD for name, one in value.items())
        )
    return isinstance(value, wanted) and not (isinstance(value, str) and len(value) > MAX_WORD)
