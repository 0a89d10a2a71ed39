"""The encoded report of an Experiment, which refers only to its own trials."""

import base64
import json
import lzma
from typing import Any

import pytest
from epochal_api.columns import to_columns
from epochal_api.experiment.report import InvalidReport, decode, encode
from epochal_api.storage import Storage

from tests.unit.trainer.experiment.reports import SMALL, report, trial, trial_folder


def text(content: Any) -> str:
    return base64.b64encode(lzma.compress(json.dumps(content).encode())).decode()


def content(of: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lzma.decompress(base64.b64decode(of)))
    return found


def written(**changes: Any) -> dict[str, Any]:
    """Return the content of the encoded report SMALL with changed fields."""
    return content(encode(SMALL)) | changes


def test_round_trip() -> None:
    assert decode(encode(SMALL)) == SMALL


def test_report_omits_unset_defaults() -> None:
    storage = Storage.model_validate({"secretRef": {"name": "none"}}).model_copy(update={"endpoint": "http://here"})
    found = content(encode(report(storage=storage)))
    assert found["storage"] == {"secretRef": {"name": "none"}, "endpoint": "http://here"}


def test_unknown_fields_are_ignored() -> None:
    trials = SMALL.model_dump(mode="json")["trials"]
    trials[0]["rungs"][0]["gpus"] = 1
    assert decode(text(written(trials=to_columns(trials), colors=["red"]))) == SMALL


@pytest.mark.parametrize("uid", ["", "..", "a/b", "a/../../b", ".", "-"])
def test_uid_cannot_leave_the_folder(uid: str) -> None:
    one = {"number": 1, "state": "Paused", "freed": [{"rung": 0, "uid": uid}]}
    with pytest.raises(InvalidReport, match=r"trials\[0\]\.freed\[0\]\.uid"):
        decode(text(written(trials=to_columns([one]))))


@pytest.mark.parametrize(("number", "rung"), [("1/../../other", 0), (1, "0/../.."), (-1, 0), (1, -1), (1, 2**60)])
def test_trial_and_rung_cannot_leave_the_folder(number: Any, rung: Any) -> None:
    one = {"number": number, "state": "Paused", "freed": [{"rung": rung, "uid": "u"}]}
    with pytest.raises(InvalidReport, match=r"trials\[0\]\.(number|freed\[0\]\.rung)"):
        decode(text(written(trials=to_columns([one]))))


@pytest.mark.parametrize("trials", [7, {"fields": {"number": [1], "state": []}}, {"counts": [1], "items": []}])
def test_damaged_trials_are_refused(trials: Any) -> None:
    with pytest.raises(InvalidReport):
        decode(text(written(trials=trials)))


@pytest.mark.parametrize("name", ["namespace", "name", "uid"])
def test_experiment_cannot_leave_the_folder(name: str) -> None:
    with pytest.raises(InvalidReport, match=name):
        decode(text(written(**{name: "../other"})))


@pytest.mark.parametrize(
    "damaged",
    ["", "no base64", base64.b64encode(b"no xz").decode(), encode(SMALL)[:100], text([1]), text("x"), text(None)],
)
def test_damaged_report_is_refused(damaged: str) -> None:
    with pytest.raises(InvalidReport):
        decode(damaged)


def test_decompression_bomb_is_refused() -> None:
    bomb = base64.b64encode(lzma.compress(b" " * 100 * 1024**2, preset=0)).decode()
    with pytest.raises(InvalidReport, match="must be JSON in xz"):
        decode(bomb)


def test_folders_of_experiment_and_trials() -> None:
    one = trial(1, "0.9")
    whole = report(one)
    assert whole.folder == f"models/vision/search/{whole.uid}"
    assert one.finished == trial_folder(1, 0)
    assert whole.trial_folder(one, trial_folder(1, 0)) == "models/vision/search-1-r0/uid-1-0"
