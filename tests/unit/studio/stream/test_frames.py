"""Frames of server-sent events, the state of a connection, and sparklines."""

import json

import pytest
from epochal_studio.stream.connection import Phase, WatchStatus, connection_state
from epochal_studio.stream.frames import PIECE, RowKey, connection_frame, runs_frame
from epochal_studio.stream.sparklines import Sparklines
from epochal_studio.wire.common import Problem
from epochal_studio.wire.runs import MAX_SPARKLINE, ConnectionState, MetricValue, RunsUpdate

KEY = RowKey("TrainingJob", "vision", "mnist")


def test_a_frame_is_one_line_of_json() -> None:
    frame = b"".join(runs_frame([b'{"name":"a"}', b'{"name":"b"}'], [KEY], is_first=True, is_complete=True))
    name, data, *rest = frame.decode().split("\n")
    assert (name, rest) == ("event: runs", ["", ""])
    assert json.loads(data.removeprefix("data: ")) == {
        "isFirst": True,
        "isComplete": True,
        "changed": [{"name": "a"}, {"name": "b"}],
        "removed": [{"kind": "TrainingJob", "namespace": "vision", "name": "mnist"}],
    }


def test_an_empty_frame_is_a_runs_update() -> None:
    data = b"".join(runs_frame([])).split(b"data: ")[1]
    assert RunsUpdate.model_validate_json(data) == RunsUpdate(is_first=False, is_complete=False, changed=[], removed=[])


def test_a_long_frame_comes_in_pieces() -> None:
    row = b"{" + b" " * 1000 + b"}"
    pieces = [*runs_frame(row for _ in range(1000))]
    assert len(pieces) > 10
    assert max(map(len, pieces)) < PIECE + 2000
    assert len(json.loads(b"".join(pieces).split(b"data: ")[1])["changed"]) == 1000


def test_text_of_users_stays_in_its_line() -> None:
    state = ConnectionState(
        is_connected=False,
        kinds=[],
        problem=Problem(reason="Unreachable", message="a\n\nevent: runs\ndata: {}\r\u2028"),
    )
    frame = connection_frame(state)
    assert frame.count(b"\n") == 3
    assert b"\r" not in frame


LOST = WatchStatus("TrainingJob", Phase.LOST, problem=Problem(reason="Unreachable", message="lost"))
DENIED = WatchStatus("Experiment", Phase.DENIED, True, Problem(reason="Forbidden", message="denied"))  # noqa: FBT003
LIVE = WatchStatus("ModelServer", Phase.LIVE, True)  # noqa: FBT003


@pytest.mark.parametrize(
    ("watches", "connected", "reason"),
    [
        ([LIVE], (True, ["ModelServer"]), None),
        ([DENIED, LIVE], (True, ["ModelServer"]), "Forbidden"),
        ([DENIED, LOST, LIVE], (False, ["TrainingJob", "ModelServer"]), "Unreachable"),
        ([WatchStatus("TrainingJob"), LIVE], (True, ["TrainingJob", "ModelServer"]), None),
    ],
)
def test_the_state_of_a_connection(
    watches: list[WatchStatus], connected: tuple[bool, list[str]], reason: str | None
) -> None:
    found = connection_state(watches)
    assert (found.is_connected, found.kinds) == connected
    assert (found.problem.reason if found.problem else None) == reason


def metric(value: float | None, name: str = "val_loss") -> MetricValue:
    return MetricValue(name=name, value=value)


def test_a_sparkline_has_a_value_for_each_epoch() -> None:
    found = Sparklines()
    assert found.remember("uid", None, None) == []
    assert found.remember("uid", 1, metric(0.5)) == [0.5]
    assert found.remember("uid", 1, metric(0.4)) == [0.4]
    assert found.remember("uid", 2, metric(0.4)) == [0.4, 0.4]
    assert found.remember("uid", 3, metric(None)) == [0.4, 0.4]
    for epoch in range(3, 100):
        values = found.remember("uid", epoch, metric(epoch))
    assert values == list(range(100 - MAX_SPARKLINE, 100))
    assert found.remember("uid", 1, metric(0.9)) == [0.9]  # a restart from the beginning
    assert found.remember("uid", 2, metric(0.8, "accuracy")) == [0.8]


def test_a_sparkline_of_an_experiment_has_its_improvements() -> None:
    found = Sparklines()
    for value in (0.5, 0.5, 0.4, 0.4, 0.3):
        values = found.remember("uid", None, metric(value))
    assert values == [0.5, 0.4, 0.3]


def test_sparklines_are_bounded() -> None:
    found = Sparklines(max_runs=2)
    for uid in ("a", "b", "a", "c"):
        found.remember(uid, 1, metric(1))
    assert len(found) == 2
    assert found.remember("b", None, None) == []
    assert found.remember("a", None, None) == [1]
