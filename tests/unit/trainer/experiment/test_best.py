import copy
from typing import Any

import pytest
import yaml
from epochal_api.trainingjob.spec import parse
from epochal_trainer.experiment.best import best

from tests.unit.trainer.experiment.reports import JOB, SMALL, report, trial


def test_it_is_the_job_that_is_reported() -> None:
    text = best(SMALL)
    assert text is not None
    assert yaml.safe_load(text) == JOB
    assert parse(yaml.safe_load(text)).metadata.name == "search-best"


def test_it_says_what_it_is() -> None:
    text = best(SMALL)
    assert text is not None
    assert text.splitlines()[:3] == [
        "# The best of 5 trials of the Experiment vision/search: trial 1,",
        "# val_accuracy 0.96 after 9 epochs. To train it anew, from the beginning:",
        "# kubectl apply -f best.yaml",
    ]


def test_without_a_best_trial_there_is_none() -> None:
    assert best(report(trial(0))) is None


@pytest.mark.parametrize(
    "value", ["1e-3", "1_000", "0x1F", "yes", "on", "y", "n", "null", "~", "1:30", "2026-11-26", ""]
)
def test_text_stays_text_to_every_reader_of_yaml(value: str) -> None:
    """To Kubernetes 1e-3 is a number, and y is true, whatever PyYAML takes them for."""
    job: dict[str, Any] = copy.deepcopy(JOB)
    job["spec"]["network"]["layers"][0]["name"] = value
    text = best(SMALL.model_copy(update={"job": job}))
    assert text is not None
    assert f'name: "{value}"\n' in text or f"name: '{value}'\n" in text
    assert yaml.safe_load(text) == job
