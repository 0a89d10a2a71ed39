"""The report of an Experiment as its Job writes it, from the operator's annotation to the bucket."""

import csv
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from epochal_api.experiment.report import decode as decode_report
from epochal_api.experiment.report import encode as encode_report
from epochal_api.pod import ACCESS_KEY_ENV, REPORT_ANNOTATION, SECRET_KEY_ENV
from epochal_api.trainingjob.spec import parse
from epochal_operator.experiment.ledger.events import CheckpointsUnneeded, Event
from epochal_operator.experiment.report.job import report_job
from epochal_trainer.experiment import run as runs
from epochal_trainer.experiment.write import FIGURES
from epochal_trainer.reporting import history
from epochal_trainer.reporting.history import Epoch
from matplotlib.image import imread

from tests.kit.s3_server import Asked, Handler, Service
from tests.unit.operator.experiment.searches import created, diverged, failed, finished, started
from tests.unit.operator.experiment.spaces import TEMPLATE, UID, document, experiment
from tests.unit.operator.objects import INSTALLATION

from .conftest import restored_process

ADAM = {"rate": "0.001", "units": "32", "optimizer": "Adam"}
SGD = {"rate": "0.01", "units": "64", "optimizer": "SGD", "momentum": "0.7"}
LEDGER: list[Event] = [
    *(created(0, ADAM), started(0), created(1, SGD), started(1), created(2, SGD | {"units": "16"}), started(2)),
    *(finished(0, "0.90"), finished(1, "0.93"), started(1, 1), finished(2, "0.40"), created(3, ADAM), started(3)),
    *(diverged(3), finished(1, "0.95", 1), started(1, 2), finished(1, "0.97", 2, is_last=True), started(0, 1)),
    *(CheckpointsUnneeded(2), CheckpointsUnneeded(3)),
]
"""Trial 1 is the best, 0 still trains, 2 and 3 are dropped."""
RUNGS = ("0-r0/uid-0-0", "0-r1/uid-0-1", "1-r0/uid-1-0", "1-r1/uid-1-1", "1-r2/uid-1-2", "2-r0/uid-2-0", "3-r0/uid-3-0")
GONE = ("1-r0/uid-1-0", "1-r1/uid-1-1", "2-r0/uid-2-0", "3-r0/uid-3-0")
OWN = f"vision/digits/{UID}"
PICTURES = ("objective.png", "parallel.png", "importance.png", "rungs.png")


def written(folder: Path, ledger: list[Event] = LEDGER, **storage: Any) -> Path:
    """Writes the report's annotation into a file, as in the pod."""
    template = {**TEMPLATE, "storage": TEMPLATE["storage"] | storage, "results": {"bucket": "bucket"}}
    whole = document(template=template) | {"status": {"importance": {"rate": "0.71", "units": "0.29"}}}
    job = report_job(whole, ledger, experiment(template=template).spec, INSTALLATION)
    path = folder / "report"
    path.write_text(job["spec"]["template"]["metadata"]["annotations"][REPORT_ANNOTATION])
    return path


def stored() -> dict[str, bytes]:
    """Returns the objects of the trials in the bucket, by key."""
    epochs = [Epoch(number, 2.0, 0.001, {"loss": 1 / number, "accuracy": 0.9 + number / 100}) for number in (1, 2, 3)]
    files = {
        "history.csv": history.to_csv(epochs).encode(),
        "model.keras": b"model",
        "checkpoints/latest.json": b"{}",
        "checkpoints/000001-0000001-000000000001-0123456789abcdef.zip": b"zip",
        "checkpoints/files/0123": b"file",
    }
    places = (*(f"vision/digits-{rung}" for rung in RUNGS), "vision/digits-12-r0/uid-1-0", "vision/other-1-r0/uid-1-0")
    return {f"{place}/{name}": content for place in places for name, content in files.items()}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for key, content in stored().items():
        path = tmp_path / "results" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "results"


def run(report: Path, results: Path | None) -> int:
    """Runs the command as in a process of its own."""
    with restored_process():
        return runs.run(report, results)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def left() -> dict[str, bytes]:
    """Returns the objects of the trials that must remain."""
    gone = tuple(f"vision/digits-{rung}/checkpoints/" for rung in GONE)
    return {key: content for key, content in stored().items() if not key.startswith(gone)}


def test_the_command_writes_the_report_and_deletes_checkpoints(tmp_path: Path, results: Path) -> None:
    command = [sys.executable, "-m", "epochal_trainer", "report", str(written(tmp_path)), "--results", str(results)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "4 trials reported" in done.stdout
    assert "12 objects of checkpoints deleted" in done.stdout
    assert "No learning curve" not in done.stdout
    there = contents(results)
    own = {key: content for key, content in there.items() if key.startswith(OWN)}
    assert set(own) == {f"{OWN}/{name}" for name in ("trials.csv", "best.yaml", *PICTURES)}
    assert {key: content for key, content in there.items() if key not in own} == left()

    rows = list(csv.DictReader((results / OWN / "trials.csv").read_text().splitlines()))
    assert [(row["number"], row["state"], row["value"]) for row in rows] == [
        ("0", "Running", "0.9"),
        ("1", "Complete", "0.97"),
        ("2", "Paused", "0.4"),
        ("3", "Diverged", ""),
    ]
    assert (rows[1]["units"], rows[1]["rungs"], rows[1]["epochs"], rows[1]["seconds"]) == ("64", "3", "9", "180")
    assert rows[1]["uri"] == str(results / "vision/digits-1-r2/uid-1-2")
    best = yaml.safe_load((results / OWN / "best.yaml").read_text())
    assert parse(best).metadata.name == "digits-best"
    assert best["spec"]["training"]["optimizer"] == {"name": "SGD", "learning_rate": 0.01, "momentum": 0.7}
    for name in PICTURES:
        pixels = imread(results / OWN / name)
        assert pixels.shape[1] > 900
        assert pixels.std() > 0.01


def test_a_second_run_changes_nothing(tmp_path: Path, results: Path) -> None:
    report = written(tmp_path)
    assert run(report, results) == 0
    before = contents(results)
    assert run(report, results) == 0
    assert contents(results) == before


def test_a_trial_without_a_history_is_named_and_the_rest_is_written(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (results / "vision/digits-2-r0/uid-2-0/history.csv").unlink()
    assert run(written(tmp_path), results) == 0
    assert "No learning curve of trial 2: " in capsys.readouterr().out
    assert all((results / OWN / name).exists() for name in PICTURES)


def test_without_a_value_there_is_no_best_trial(tmp_path: Path, results: Path) -> None:
    assert run(written(tmp_path, [created(0, ADAM), started(0)]), results) == 0
    assert {path.name for path in (results / OWN).iterdir()} == {"trials.csv", *PICTURES}


def test_a_file_that_is_no_report_changes_nothing(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report").write_text("none")
    before = contents(results)
    assert run(tmp_path / "report", results) == 64
    assert run(tmp_path / "missing", results) == 64
    assert contents(results) == before
    assert "is not a valid report of an Experiment" in capsys.readouterr().out


def test_a_plot_that_fails_is_logged_and_the_rest_is_written(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(report: Any, path: Path) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(FIGURES, "objective.png", draw)
    assert run(written(tmp_path), results) == 0
    assert "Cannot draw objective.png" in capsys.readouterr().out
    assert {path.name for path in (results / OWN).iterdir()} == {"trials.csv", "best.yaml", *PICTURES[1:]}


def test_the_report_does_not_import_keras(tmp_path: Path, results: Path) -> None:
    """It would take seconds, and most of the memory that the Job has."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from epochal_trainer.experiment.run import run\n"
        "assert run(Path(sys.argv[1]), Path(sys.argv[2])) == 0\n"
        "assert not {'keras', 'tensorflow', 'matplotlib.pyplot'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(written(tmp_path)), str(results)], check=True, capture_output=True)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv(ACCESS_KEY_ENV, "the-access-key")
    monkeypatch.setenv(SECRET_KEY_ENV, "the-secret-key")
    made = Service()
    for key, content in stored().items():
        made.put(key, content)
    yield made
    made.stop()


def test_a_bucket_is_written_as_a_folder_is(tmp_path: Path, service: Service) -> None:
    assert run(written(tmp_path, endpoint=service.endpoint), None) == 0
    own = {f"{OWN}/{name}" for name in ("trials.csv", "best.yaml", *PICTURES)}
    assert set(service.objects) == own | set(left())
    rows = list(csv.DictReader(service.objects[f"{OWN}/trials.csv"].decode().splitlines()))
    assert rows[1]["uri"] == "s3://bucket/vision/digits-1-r2/uid-1-2/"


def test_missing_rights_to_delete_are_logged_and_fail_nothing(
    tmp_path: Path, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(asked: Asked, handler: Handler) -> bool:
        if asked.method != "DELETE":
            return False
        handler.refuse(403, "AccessDenied", "Access Denied.")
        return True

    service.faults = [refuse]
    assert run(written(tmp_path, endpoint=service.endpoint), None) == 0
    assert set(stored()) < set(service.objects)
    assert "Cannot delete checkpoints that are no longer needed" in capsys.readouterr().out


def test_a_read_only_bucket_fails_with_its_reason(tmp_path: Path, service: Service) -> None:
    def refuse(asked: Asked, handler: Handler) -> bool:
        if asked.method != "PUT":
            return False
        handler.refuse(403, "AccessDenied", "Access Denied.")
        return True

    service.faults = [refuse]
    assert run(written(tmp_path, endpoint=service.endpoint), None) == 77
    assert set(service.objects) == set(stored()), "nothing is deleted that is not reported"


def test_a_best_trial_that_does_not_fit_is_logged(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path)
    path.write_text(encode_report(decode_report(path.read_text()).model_copy(update={"job": None})))
    assert run(path, results) == 0
    assert "Cannot write best.yaml" in capsys.readouterr().out
    assert {path.name for path in (results / OWN).iterdir()} == {"trials.csv", *PICTURES}


def test_the_report_of_a_failed_search_lists_its_trials_and_logs(tmp_path: Path, results: Path) -> None:
    tried: list[Event] = [
        created(2, ADAM),
        started(2),
        failed(2),
        created(3, SGD),
        started(3),
        diverged(3),
        CheckpointsUnneeded(2),
        CheckpointsUnneeded(3),
    ]
    assert run(written(tmp_path, tried), results) == 0
    rows = list(csv.DictReader((results / OWN / "trials.csv").read_text().splitlines()))
    assert [(row["state"], row["optimizer"], row["uri"]) for row in rows] == [
        ("Failed", "Adam", str(results / "vision/digits-2-r0/uid-2-0")),
        ("Diverged", "SGD", str(results / "vision/digits-3-r0/uid-3-0")),
    ]
    gone = tuple(f"vision/digits-{rung}/checkpoints/" for rung in ("2-r0/uid-2-0", "3-r0/uid-3-0"))
    assert not [key for key in contents(results) if key.startswith(gone)]
    assert not (results / OWN / "best.yaml").exists()
