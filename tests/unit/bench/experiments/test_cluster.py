from dataclasses import replace
from typing import Any

import pytest

from tests.bench.experiments.cluster import Rung, figures, idle

STAGES = {"import": 2.0, "start": 0.5, "data": 0.25, "training": 4.5, "results": 0.5}
RUNG = Rung(number=0, created=0, begin=1, end=10, complete=11, training=4.0, stages=STAGES)


def ran(begin: float, end: float, number: int = 0) -> Rung:
    return replace(RUNG, begin=begin, end=end, number=number)


def test_overhead_is_all_but_the_epochs() -> None:
    assert RUNG.overhead == 7


@pytest.mark.parametrize(
    ("rungs", "waited"),
    [
        ([ran(0, 5), ran(0, 9)], []),
        ([ran(0, 5), ran(0, 9), ran(7, 20)], [2]),
        ([ran(0, 5), ran(0, 9), ran(7, 20, 1), ran(12, 20)], [2, 3]),
        ([ran(0, 5), ran(0, 9), ran(4, 20)], [0]),  # the times are whole seconds
        ([ran(0, 5), ran(0, 9), ran(7, 20), ran(30, 40, 1)], [2]),  # no new trial was left, and none to promote
    ],
)
def test_a_slot_is_idle_until_the_next_container_begins(rungs: list[Rung], waited: list[float]) -> None:
    assert idle(rungs, 2) == waited
    assert idle(rungs[::-1], 2) == waited


def experiment(best: str = "0.05", **status: Any) -> dict[str, Any]:
    return {"status": {"state": "Complete", "best": {"value": best}, "epochs": {"trained": 30}} | status}


RUNGS = [ran(0, 5), ran(0, 9), ran(7, 20)]


def test_figures_of_a_search() -> None:
    found, repeated, overhead, waited = figures(experiment(), RUNGS, [0.2, 0.1])
    assert (found.met, found.baseline) == (True, "its template: 0.1")
    assert found.measured == "0.05; Complete after 3 rungs and 30 epochs"
    assert (repeated.met, repeated.measured) == (True, "0")
    assert overhead.baseline == "an epoch of 20 s: 35%"
    assert overhead.measured.startswith("7 s (7-7, n=3): until the container begins 0 s, import 2 s, start 0.5 s")
    assert "checkpoints and what else lies between epochs 0.5 s" in overhead.measured
    assert (waited.met, waited.measured) == (True, "2 s (2-2, n=1)")


@pytest.mark.parametrize("changed", [experiment("0.1"), experiment(state="Failed")], ids=["no better", "failed"])
def test_a_search_must_find_something(changed: dict[str, Any]) -> None:
    assert not figures(changed, RUNGS, [0.2, 0.1])[0].met


def test_an_epoch_that_was_trained_twice_is_seen() -> None:
    assert not figures(experiment(epochs={"trained": 30, "repeated": 2}), RUNGS, [0.1])[1].met


def test_a_slot_that_is_idle_for_long_is_seen() -> None:
    assert not figures(experiment(), [ran(0, 5), ran(0, 9), ran(11, 20)], [0.1])[3].met
