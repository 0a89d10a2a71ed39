"""What is reported of an Experiment travels as text, and is about nothing but its own trials."""

import base64
import json
import lzma
from typing import Any

import pytest
from epochal_api.columns import columns
from epochal_api.experiment.report import InvalidReport, decode, encode
from epochal_api.storage import Storage

from tests.unit.trainer.experiment.reports import SMALL, place, report, trial


def text(content: Any) -> str:
    return base64.b64encode(lzma.compress(json.dumps(content).encode())).decode()


def content(of: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lzma.decompress(base64.b64decode(of)))
    return found


def written(**changes: Any) -> dict[str, Any]:
    """Returns what is written of a small search, with some of it in place of what it has."""
    return content(encode(SMALL)) | changes


def test_it_arrives_as_it_was() -> None:
    assert decode(encode(SMALL)) == SMALL


def test_it_holds_nothing_that_an_earlier_trainer_would_refuse_for_its_default() -> None:
    storage = Storage.model_validate({"secretRef": {"name": "none"}}).model_copy(update={"endpoint": "http://here"})
    found = content(encode(report(storage=storage)))
    assert found["storage"] == {"secretRef": {"name": "none"}, "endpoint": "http://here"}


def test_what_a_later_operator_adds_is_passed_over() -> None:
    trials = SMALL.model_dump(mode="json")["trials"]
    trials[0]["rungs"][0]["gpus"] = 1
    assert decode(text(written(trials=columns(trials), colors=["red"]))) == SMALL


@pytest.mark.parametrize("uid", ["", "..", "a/b", "a/../../b", ".", "-"])
def test_a_uid_leads_nowhere_else(uid: str) -> None:
    one = {"number": 1, "state": "Paused", "freed": [{"rung": 0, "uid": uid}]}
    with pytest.raises(InvalidReport, match=r"trials\[0\]\.freed\[0\]\.uid"):
        decode(text(written(trials=columns([one]))))


@pytest.mark.parametrize(("number", "rung"), [("1/../../other", 0), (1, "0/../.."), (-1, 0), (1, -1), (1, 2**60)])
def test_nor_do_a_trial_and_a_rung(number: Any, rung: Any) -> None:
    one = {"number": number, "state": "Paused", "freed": [{"rung": rung, "uid": "u"}]}
    with pytest.raises(InvalidReport, match=r"trials\[0\]\.(number|freed\[0\]\.rung)"):
        decode(text(written(trials=columns([one]))))


@pytest.mark.parametrize("trials", [7, {"fields": {"number": [1], "state": []}}, {"counts": [1], "items": []}])
def test_trials_that_do_not_fit_together_are_refused(trials: Any) -> None:
    with pytest.raises(InvalidReport):
        decode(text(written(trials=trials)))


@pytest.mark.parametrize("name", ["namespace", "name", "uid"])
def test_nor_does_an_experiment(name: str) -> None:
    with pytest.raises(InvalidReport, match=name):
        decode(text(written(**{name: "../other"})))


@pytest.mark.parametrize(
    "damaged",
    ["", "no base64", base64.b64encode(b"no xz").decode(), encode(SMALL)[:100], text([1]), text("x"), text(None)],
)
def test_what_is_damaged_is_refused_in_words(damaged: str) -> None:
    with pytest.raises(InvalidReport):
        decode(damaged)


def test_one_that_would_take_all_memory_is_refused() -> None:
    bomb = base64.b64encode(lzma.compress(b" " * 100 * 1024**2, preset=0)).decode()
    with pytest.raises(InvalidReport, match="must be JSON in xz"):
        decode(bomb)


def test_where_it_lies_and_where_its_trials_do() -> None:
    one = trial(1, "0.9")
    whole = report(one)
    assert whole.folder == f"models/vision/search/{whole.uid}"
    assert one.finished == place(1, 0)
    assert whole.trial_folder(one, place(1, 0)) == "models/vision/search-1-r0/uid-1-0"
