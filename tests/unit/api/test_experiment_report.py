"""What is reported of an Experiment travels as text, and is about nothing but its own trials."""

import base64
import gzip
import json
from typing import Any

import pytest
from epochal_api.experiment_report import InvalidReport, decode, encode
from epochal_api.storage import Storage

from tests.unit.trainer.experiment.reports import SMALL, report, trial


def text(content: Any) -> str:
    return base64.b64encode(gzip.compress(json.dumps(content).encode(), mtime=0)).decode()


def written(**changes: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(encode(SMALL))))
    return content | changes


def test_it_arrives_as_it_was() -> None:
    assert decode(encode(SMALL)) == SMALL


def test_it_holds_nothing_that_an_earlier_trainer_would_refuse_for_its_default() -> None:
    storage = Storage.model_validate({"secretRef": {"name": "none"}}).model_copy(update={"endpoint": "http://here"})
    content = json.loads(gzip.decompress(base64.b64decode(encode(report(storage=storage)))))
    assert content["storage"] == {"secretRef": {"name": "none"}, "endpoint": "http://here"}


def test_what_a_later_operator_adds_is_passed_over() -> None:
    later = written(colors=["red"])
    later["trials"][0]["rungs"][0]["gpus"] = 1
    assert decode(text(later)) == SMALL


@pytest.mark.parametrize(
    "job",
    [
        "other-1-r0",
        "search-2-r0",
        "search-1",
        "search-1-r0-best",
        "search-1-r01",
        "search-11-r0",
    ],
)
@pytest.mark.parametrize("field", ["rungs", "freed", "failed"])
def test_a_trainingjob_that_is_not_its_trials_is_refused(job: str, field: str) -> None:
    folder: dict[str, Any] = {"job": job, "uid": "u", "epoch": 1}
    one = {"number": 1, "state": "Failed", field: folder if field == "failed" else [folder]}
    with pytest.raises(InvalidReport, match=f"must be named search-1-r….* found {job}$"):
        decode(text(written(trials=[one])))


@pytest.mark.parametrize("uid", ["", "..", "a/b", "a/../../b", ".", "-"])
def test_a_uid_leads_nowhere_else(uid: str) -> None:
    one = {"number": 1, "state": "Paused", "freed": [{"job": "search-1-r0", "uid": uid}]}
    with pytest.raises(InvalidReport, match=r"trials\.0\.freed\.0\.uid"):
        decode(text(written(trials=[one])))


@pytest.mark.parametrize("name", ["namespace", "name", "uid"])
def test_nor_does_an_experiment(name: str) -> None:
    with pytest.raises(InvalidReport, match=name):
        decode(text(written(**{name: "../other"})))


@pytest.mark.parametrize(
    "damaged",
    ["", "no base64", base64.b64encode(b"no gzip").decode(), encode(SMALL)[:100], text([1]), text("x"), text(None)],
)
def test_what_is_damaged_is_refused_in_words(damaged: str) -> None:
    with pytest.raises(InvalidReport):
        decode(damaged)


def test_one_that_would_take_all_memory_is_refused() -> None:
    bomb = base64.b64encode(gzip.compress(b" " * 100 * 1024**2, mtime=0)).decode()
    with pytest.raises(InvalidReport, match="must be gzipped JSON"):
        decode(bomb)


def test_where_it_lies_and_where_its_trials_do() -> None:
    one = trial(1, "0.9")
    whole = report(one)
    assert whole.folder == f"models/vision/search/{whole.uid}"
    assert whole.trial_folder(one.rungs[0]) == "models/vision/search-1-r0/uid-1-0"
