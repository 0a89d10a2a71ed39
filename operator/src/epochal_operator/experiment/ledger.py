r"""The ledger: all events that an Experiment has observed, in the order of their observation.

Events are only appended. The state of the trials, the suggestions and the status follow from the spec, the ledger and
the existing TrainingJobs. An ExperimentLedger holds the ledger as text:

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
"""Bytes of the decompressed lines: 4 KiB for each of 1,000 trials."""
MAX_EVENTS = 32 * 1024
"""Events that are read: several times as many as a search with all trials has. Without this limit a text may hold a
million.
"""
EVENT_BYTES = 128
"""Bytes of an event in memory, without its texts."""
MAX_NUMBER = 10**9
"""The largest number in an event: larger than any trial number, epoch or duration in seconds."""
MAX_WORD = 256
"""Characters of a name, a value or a reason: the values of parameters are the longest."""
MAX_LINE = 128 * 1024
"""Characters of a line that is read: more than the parameters of a trial take, with an escape of twelve characters for
each character.
"""
_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 9
_PIECE = 256
"""Characters that are decoded at once: damage destroys only the lines that end in the same piece."""


@dataclass(frozen=True)
class Owner:
    """The Experiment that owns the ledger: the first event of each ledger.

    Args:
        uid: The uid of the Experiment.
    """

    uid: str


@dataclass(frozen=True)
class Created:
    """A trial was created in the ledger, before its first TrainingJob exists.

    Args:
        trial: Its number.
        parameters: Its parameters, as text.
        known: The number of events in the ledger when the trial was suggested: its first ones.
    """

    trial: int
    parameters: Mapping[str, str]
    known: int


@dataclass(frozen=True)
class Started:
    """The TrainingJob of a rung of a trial exists.

    Args:
        trial: The number of the trial.
        rung: The rung, counted from 0.
        uid: The uid of the TrainingJob.
    """

    trial: int
    rung: int
    uid: str


@dataclass(frozen=True)
class Finished:
    """A trial has finished a rung.

    Args:
        trial: The number of the trial.
        rung: The rung, counted from 0.
        epoch: The last epoch of the rung, counted from the first epoch of the trial.
        value: The objective value of the trial after this rung, as text.
        uid: The uid of the TrainingJob.
        seconds: The duration of the rung.
        ended: Whether the trial has ended: all its epochs are trained, or a callback stopped the training.
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
    """The loss of a trial has become NaN or infinite.

    Args:
        trial: The number of the trial.
        rung: The rung, counted from 0.
        uid: The uid of the TrainingJob.
    """

    trial: int
    rung: int
    uid: str


@dataclass(frozen=True)
class Failed:
    """A trial has failed, or the API server has refused it.

    Args:
        trial: The number of the trial.
        rung: The rung, counted from 0.
        uid: The uid of the TrainingJob; empty if it does not exist.
        reason: The reason as a CamelCase word.
    """

    trial: int
    rung: int
    uid: str
    reason: str


CHECKPOINT_LOST = "CheckpointLost"
"""The reason of a trial that has not failed but cannot continue, because the checkpoint of its previous rung is
missing. Its objective value stays valid.
"""


@dataclass(frozen=True)
class Dropped:
    """The checkpoints of a trial may be deleted: the trial never continues.

    Args:
        trial: The number of the trial.
    """

    trial: int


@dataclass(frozen=True)
class Warm:
    """A trial of another Experiment with its result, from which the search starts (`spec.warmStartFrom`).

    Args:
        experiment: The other Experiment of the trial.
        trial: The number of the trial in the other Experiment.
        parameters: Its parameters, as text.
        value: The objective value of the trial, as text.
        epoch: Its last epoch.
    """

    experiment: str
    trial: int
    parameters: Mapping[str, str]
    value: str
    epoch: int


@dataclass(frozen=True)
class Exhausted:
    """The searcher has no more untried parameters to suggest.

    Args:
        known: The number of events in the ledger at that time.
    """

    known: int


@dataclass(frozen=True)
class Unread:
    """An event of another version of Epochal, of a type that this version cannot read.

    Args:
        line: The line of the event in the ledger.
    """

    line: str


Event = Owner | Created | Started | Finished | Diverged | Failed | Dropped | Warm | Exhausted | Unread
_KINDS: Mapping[str, type[Any]] = {
    kind.__name__: kind for kind in (Owner, Created, Started, Finished, Diverged, Failed, Dropped, Warm, Exhausted)
}
_TYPES: Mapping[str, Mapping[str, Any]] = {name: get_type_hints(kind) for name, kind in _KINDS.items()}


def encode(events: Sequence[Event], before: str = "", known: Sequence[Event] = ()) -> str:
    """Return a ledger as text: JSON lines, compressed by gzip, in base64.

    Args:
        events: The events to append.
        before: The ledger as text, to which the events are appended; its lines stay unchanged. It must be undamaged.
        known: The events of the ledger `before`.
    """
    uids = _Uids(known)
    lines = [*_lines(before)[0], *(_line(event, uids) for event in events)]
    text = "".join(f"{line}\n" for line in lines)
    return base64.b64encode(gzip.compress(text.encode(), _LEVEL, mtime=0)).decode() if text else ""


class Sizes(NamedTuple):
    """The sizes of a ledger in bytes.

    Args:
        taken: The used part of MAX_TEXT. It is the length of the text, or an equal share of MAX_TEXT if the share of
            MAX_LINES or MAX_EVENTS is larger. Similar lines compress well and reach MAX_LINES first.
        unpacked: Bytes of the decompressed lines and of the event objects.
    """

    taken: int
    unpacked: int


NOTHING = Sizes(0, 0)


class Reading(NamedTuple):
    """The readable events of a ledger.

    Args:
        events: The readable events.
        whole: Whether all events of the ledger are readable.
        sizes: The sizes of the ledger.
    """

    events: tuple[Event, ...]
    whole: bool
    sizes: Sizes = NOTHING


def read(text: str) -> Reading:
    """Return the readable events of a ledger, in linear time and within the bounds above.

    Args:
        text: The ledger as text; white space is ignored.
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
    """Return the events of a ledger; of a damaged ledger, the readable events.

    Args:
        text: The ledger as text.
    """
    return read(text).events


def sizes(text: str) -> Sizes:
    """Return the sizes of a ledger.

    Args:
        text: The ledger as text.
    """
    return _sizes(text, _lines(text)[0])


def _sizes(text: str, lines: Sequence[str]) -> Sizes:
    unpacked = sum(len(line) + 1 for line in lines)
    share = max(unpacked / MAX_LINES, len(lines) / MAX_EVENTS)
    return Sizes(max(len(text), math.ceil(share * MAX_TEXT)), unpacked + EVENT_BYTES * len(lines))


def own(events: tuple[Event, ...], uid: str) -> tuple[Event, ...]:
    """Return the events of an Experiment's own ledger, or no events for a copy of another Experiment's ledger.

    Args:
        events: The events of the ledger.
        uid: The uid of the Experiment.
    """
    return events if events[:1] == (Owner(uid),) else ()


class _Uids(dict[tuple[int, int], str]):
    """The uid of the TrainingJob of each rung, from the events so far.

    A line refers to a uid by its rung, because a uid is the longest part of a line.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        super().__init__(((one.trial, one.rung), one.uid) for one in events if isinstance(one, Started))

    def of(self, trial: object, rung: object) -> str:
        """Return the uid of a rung's TrainingJob, or an empty text if the ledger has none."""
        return self.get((trial, rung), "") if isinstance(trial, int) and isinstance(rung, int) else ""

    def note(self, event: Event) -> None:
        """Add the uid of a Started event."""
        if isinstance(event, Started):
            self[event.trial, event.rung] = event.uid


def _line(event: Event, uids: _Uids) -> str:
    """Return the line of an event: a JSON list of its type and its fields."""
    if isinstance(event, Unread):
        return event.line
    fields = vars(event)
    if isinstance(event, Finished | Diverged | Failed) and event.uid == uids.get((event.trial, event.rung)):
        fields = fields | {"uid": None}
    uids.note(event)
    return json.dumps([type(event).__name__, *fields.values()], separators=(",", ":"))


def _lines(text: str) -> tuple[list[str], bool]:
    """Return the complete lines of a ledger that are readable, and whether no line is missing."""
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
    """Return the lines of an undamaged ledger within the limits, or None; this avoids decoding in pieces."""
    reader = zlib.decompressobj(_GZIP)
    try:
        found, rest = _split(reader.decompress(base64.b64decode(text, validate=True), MAX_LINES))
    except (binascii.Error, ValueError, zlib.error):
        return None
    return None if rest or reader.unused_data or not reader.eof else found


def _split(content: bytes | bytearray) -> tuple[list[str], bytes | bytearray]:
    """Return the complete lines of a text, at most MAX_EVENTS, and the remaining bytes."""
    *found, rest = content.split(b"\n", MAX_EVENTS)
    return [line.decode(errors="replace") for line in found], rest


def _event(line: str, uids: _Uids) -> Event | None:
    """Return the event of a line, or None if the line is damaged or not written by Epochal."""
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
