import json
import sys
from pathlib import Path

import pytest
from epochal.importers import import_file

from tests.bench.cli.convert import keras_model
from tests.bench.cli.processes import use
from tests.bench.cli.start import more
from tests.bench.cli.watch import epoch_of_line, figure, first_times


def test_the_cpu_time_and_memory_of_a_process() -> None:
    used = use(sys.executable, "-c", "x = bytearray(80_000_000); sum(range(2_000_000))")
    assert 0.01 < used.cpu < 20
    assert used.megabytes > 80
    assert use(sys.executable, "-c", "pass").megabytes < 40, "the memory of the test counts too"


def test_a_failed_command_has_no_figure() -> None:
    with pytest.raises(RuntimeError, match="exit code 3"):
        use(sys.executable, "-c", "raise SystemExit(3)")


@pytest.mark.parametrize(("seconds", "met"), [(0.6, True), (0.7, False)])
def test_a_goal_above_imports(seconds: float, *, met: bool) -> None:
    found = more("check", "typer", [seconds] * 3, [0.5] * 3, 0.15)
    assert found.met is met
    assert f"{(seconds - 0.5) * 1000:+.0f} ms" in found.measured


def test_the_first_line_with_an_epoch_counts() -> None:
    lines = [(1.0, "12:00:00  epochs  Starting"), (2.0, "x  epoch 1/240  loss 0.5"), (3.0, "x  epoch 1/240  loss 0.4")]
    assert first_times((at, epoch_of_line(line)) for at, line in lines) == {1: 2.0}


@pytest.mark.parametrize(("late", "met"), [(0.4, True), (0.6, False)])
def test_the_earlier_watch_tells_when_the_status_had_an_epoch(late: float, *, met: bool) -> None:
    shown = {1: 10.0, 2: 11.0, 3: 12.1}
    found = figure({1: 10.0 + late, 2: 11.0, 3: 12.0}, shown, {1: 9.5})
    assert found.met is met
    assert "n=3" in found.measured
    assert "p95 100 ms" in found.baseline


def test_the_large_model_can_be_imported(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(keras_model(10)))
    network = import_file(path, name=None, strict=False, run=None).document["spec"]["network"]
    assert len(network["layers"]) == 9
