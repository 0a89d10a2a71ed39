"""`epochal plot`: curves in the terminal, and in files."""

import subprocess
import sys
from pathlib import Path

import pytest
from epochal.exit_codes import ExitCode
from epochal.runs.figures import MAX_POINTS
from epochal.runs.history import Point, default_metrics, parse_history, thinned

from tests.kit.s3_server import refusing
from tests.unit.cli.commands import epochal
from tests.unit.cli.stored_results import Stored

HISTORY = b"""epoch,seconds,learning_rate,loss,accuracy,val_loss,val_accuracy
1,2.5,0.01,1.0,0.5,0.9,0.6
2,2.5,0.01,0.5,0.7,nan,0.8
3,2.5,0.01,0.25,0.9,0.3,"""


def test_plots_training_and_validation(stored: Stored, tmp_path: Path) -> None:
    stored.put_job("mnist", {"history.csv": HISTORY})
    code, output, errors = epochal("plot", "mnist", folder=tmp_path, variables=stored.variables)
    assert code == 0
    assert errors == "epochal: 2 values are missing or not finite (NaN), and are left out.\n"
    first, second = output.split("\n\n")
    assert first.splitlines()[:2] == ["loss", "o loss    x val_loss"]
    assert first.splitlines()[-2].split() == ["1", "2", "3"]  # epochs are whole numbers
    assert second.startswith("accuracy\n")
    assert "\x1b" not in output


def test_curves_of_several_runs_share_a_panel(stored: Stored, tmp_path: Path) -> None:
    stored.put_job("one", {"history.csv": HISTORY})
    stored.put_job("two", {"history.csv": b"epoch,loss\n1,0.5\n2,0.25\n"})
    output = epochal("plot", "one", "two", "-m", "loss", folder=tmp_path, variables=stored.variables).output
    assert output.splitlines()[:2] == ["loss", "o one val_loss    x two"]
    assert "accuracy" not in output


def test_the_trials_of_an_experiment(stored: Stored, tmp_path: Path) -> None:
    rows = b"number,state,value\n0,Complete,0.5\n1,Failed,\n2,Complete,0.25\n3,Complete,0.75\n"
    stored.put_experiment("search", {"trials.csv": rows})
    output = epochal("plot", "search", folder=tmp_path, variables=stored.variables).output
    assert output.splitlines()[:2] == ["search: val_loss", "o trial    x best so far"]


@pytest.mark.parametrize(("name", "magic"), [("curves.png", b"\x89PNG"), ("curves.svg", b"<?xml")])
def test_writes_a_file(stored: Stored, tmp_path: Path, name: str, magic: bytes) -> None:
    stored.put_job("mnist", {"history.csv": HISTORY})
    code, output, _ = epochal("plot", "mnist", "-o", name, folder=tmp_path, variables=stored.variables)
    assert (code, output) == (0, f"{tmp_path / name}\n")
    assert (tmp_path / name).read_bytes().startswith(magic)


def test_replaces_a_file_only_by_force(stored: Stored, tmp_path: Path) -> None:
    stored.put_job("mnist", {"history.csv": HISTORY})
    (tmp_path / "curves.svg").write_text("mine")
    arguments = ("plot", "mnist", "--out", "curves.svg")
    code, _, errors = epochal(*arguments, folder=tmp_path, variables=stored.variables)
    assert (code, errors.endswith("or replace it with --force.\n")) == (ExitCode.FAILED, True)
    assert (tmp_path / "curves.svg").read_text() == "mine"
    assert epochal(*arguments, "--force", folder=tmp_path, variables=stored.variables).exit_code == 0


def test_a_file_needs_matplotlib(stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored.put_job("mnist", {"history.csv": HISTORY})
    for module in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, module, None)
    code, _, errors = epochal("plot", "mnist", "-o", "curves.png", folder=tmp_path, variables=stored.variables)
    assert code == ExitCode.FAILED
    assert "pip install matplotlib" in errors


def test_errors(stored: Stored, tmp_path: Path) -> None:
    stored.put_job("mnist", {"history.csv": HISTORY})
    stored.put_job("new", {})
    stored.put_job("diverged", {"history.csv": b"epoch,loss\n1,nan\n"})
    stored.put_experiment("search", {})
    for arguments, expected, message in (
        (["mnist", "-m", "auc"], ExitCode.USAGE, "found 'auc', expected one of loss, accuracy, val_loss, val_accuracy"),
        (["mnist", "-o", "x.pdf"], ExitCode.USAGE, "expected a name that ends with .png or .svg"),
        (["new"], ExitCode.NOT_FOUND, "new: no epoch is finished yet"),
        (["diverged"], ExitCode.NOT_FOUND, "loss: no epoch has a finite value"),
        (["mnist", "search"], ExitCode.USAGE, "cannot plot an Experiment together with other objects"),
    ):
        code, output, errors = epochal("plot", *arguments, folder=tmp_path, variables=stored.variables)
        assert (code, output) == (expected, "")
        assert message in errors


def test_a_missing_bucket_is_no_training_without_an_epoch(stored: Stored, tmp_path: Path) -> None:
    stored.put_job("mnist", {})
    stored.service.faults.append(refusing(404, "NoSuchBucket", methods=("GET",)))
    code, _, errors = epochal("plot", "mnist", folder=tmp_path, variables=stored.variables)
    assert code == ExitCode.NOT_FOUND
    assert "create the bucket, or correct its name" in errors


def test_parses_a_history_that_is_cut_off() -> None:
    history = parse_history("epoch,loss,a\x1b[1m\n1,0.5,1\n2,0.2")
    assert history.curves == {"loss": [Point(1, 0.5)], "a\\x1b[1m".replace("\\x1b", " "): [Point(1, 1.0)]}
    assert (history.epochs, parse_history("").epochs) == (1, 0)


def test_a_long_curve_keeps_its_extremes() -> None:
    curve = [Point(number, 0.0) for number in range(100_000)]
    curve[12_345] = Point(12_345, 9.0)
    kept = thinned(curve, MAX_POINTS)
    assert len(kept) <= MAX_POINTS
    assert Point(12_345, 9.0) in kept
    assert (kept[0].epoch, kept[-1].epoch) == (0, 99_999)


def test_metrics_without_a_choice() -> None:
    assert default_metrics(["loss", "accuracy", "auc", "val_loss", "val_auc"], "val_auc") == ["loss", "auc"]
    assert default_metrics(["a_loss", "loss"]) == ["loss", "a_loss"]


def test_the_command_imports_no_matplotlib() -> None:
    code = "import sys, epochal.runs.text_plots; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
