from typing import Any

from tests.bench.networks import SMALL
from tests.bench.pods import Run
from tests.bench.train import figures

CHECKPOINTS: dict[str, Any] = {"taken": 5, "bytes": 5_000_000, "captureSeconds": 0.05, "writeSeconds": 0.5}


def runs(epoch: float, pod: float) -> list[Run]:
    return [Run([epoch] * 4, pod, 58_000, {"checkpoints": CHECKPOINTS})] * 6


def test_figures_of_equals() -> None:
    steady, whole, checkpoint = figures(SMALL, runs(4.0, 28), runs(4.0, 28))
    assert steady.met
    assert steady.measured == "4 s (4-4, n=24): ratio 1.000 (1.000-1.000) by medians, 1.000 by minima"
    assert whole.met
    assert whole.measured == "28 s (28-28, n=6): ratio 1.000 (1.000-1.000) by means, +0.0 s"
    assert checkpoint.baseline == "an epoch: 4 s; 5 taken in 5"
    assert checkpoint.measured == "1 MB, captured in 10 ms, written beside the training in 0.1 s"
    assert not checkpoint.goal


def test_faster_by_medians_alone_is_not_enough() -> None:
    plain = [Run([3.8, 4.1, 4.1, 4.1], 28, 58_000, {})] * 6
    steady, whole, _ = figures(SMALL, runs(4.0, 30), plain)
    assert "ratio 0.976" in steady.measured
    assert not steady.met
    assert not whole.met
