import copy
from typing import Any

import pytest
import yaml
from epochal_api.trainingjob.spec import parse
from epochal_trainer.experiment.best import best_job_yaml

from tests.unit.trainer.experiment.reports import JOB, SMALL, report, trial


def test_the_document_is_the_job_of_the_report() -> None:
    text = best_job_yaml(SMALL)
    assert text is not None
    assert yaml.safe_load(text) == JOB
    assert parse(yaml.safe_load(text)).metadata.name == "search-best"
    assert "best of 5 trials of the Experiment vision/search: trial 1" in text
    assert "val_accuracy 0.96 after 9 epochs" in text


def test_the_head_names_the_epoch_of_the_value() -> None:
    best = trial(1, "0.96")
    best = best.model_copy(update={"rungs": [best.rungs[0].model_copy(update={"epoch": 9, "value_epoch": 8})]})
    assert "val_accuracy 0.96 in epoch 8 of 9. To train" in (best_job_yaml(report(best, best=1, job=JOB)) or "")


def test_no_document_without_a_best_trial() -> None:
    assert best_job_yaml(report(trial(0))) is None


@pytest.mark.parametrize(
    "value", ["1e-3", "1_000", "0x1F", "yes", "on", "y", "n", "null", "~", "1:30", "2026-11-26", ""]
)
def test_strings_are_quoted_for_every_yaml_parser(value: str) -> None:
    """To Kubernetes 1e-3 is a number, and y is true, whatever PyYAML takes them for."""
    job: dict[str, Any] = copy.deepcopy(JOB)
    job["spec"]["network"]["layers"][0]["name"] = value
    text = best_job_yaml(SMALL.model_copy(update={"job": job}))
    assert text is not None
    assert f'name: "{value}"\n' in text or f"name: '{value}'\n" in text
    assert yaml.safe_load(text) == job
