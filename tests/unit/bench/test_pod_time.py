import pytest

from tests.bench.pod_time import figures, measured, turns

HISTORY = "epoch,seconds,loss\n1,0.5,2.0\n2,0.25,1.0\n"


def test_the_order_alternates_after_an_import() -> None:
    assert turns(2) == ["import", "import", "none", "onnx", "onnx", "none", "import"]


def test_epochs_are_subtracted_and_the_first_import_is_left_out() -> None:
    log = "2026-11-30T12:00:00Z Turn: import a 9.0\nTurn: import b 2.0\nTurn: none c 3.25\nTurn: onnx d 4.0\n"
    assert measured(log, lambda _: HISTORY) == {"import": [2.0], "none": [2.5], "onnx": [3.25]}


@pytest.mark.parametrize(("onnx", "met"), [(3.5, True), (3.7, False)])
def test_figures(onnx: float, *, met: bool) -> None:
    with_export, without = figures({"import": [2.0] * 6, "none": [2.6] * 6, "onnx": [onnx] * 6})
    assert (with_export.goal, with_export.met) == ("at most 1.8", met)
    assert (without.goal, without.met) == ("at most 1.4", True)
    assert without.measured == "2.6 s (2.6-2.6, n=6): ratio 1.300 (1.300-1.300)"
    assert without.baseline == "`import tensorflow, keras` in the same pod: 2 s (2-2, n=6)"
