"""What is kept of an Experiment, its trials and its report."""

import json
from typing import Any

import pytest
from epochal_api.experiment.spec import MAX_PARAMETERS
from epochal_operator.experiment import cache_transform
from epochal_operator.experiment.kind import experiments
from epochal_operator.experiment.resources import EXPERIMENTS
from epochal_operator.experiment.search_space.space import Space
from epochal_operator.experiment.trial import Trial
from epochal_operator.experiment.trial_job import training_job
from epochal_operator.runtime.api.resource import Key
from epochal_operator.runtime.cache_transform import decompress_spec
from epochal_operator.runtime.kind import store_for

from tests.unit.operator.experiment.ledger.test_observe import EXPERIMENT as EXPERIMENT_METADATA
from tests.unit.operator.experiment.ledger.test_observe import complete
from tests.unit.operator.experiment.searches import spec, spec_document
from tests.unit.operator.objects import INSTALLATION

EXPERIMENT = experiments(lambda: INSTALLATION, instance="test")
LEDGER = "epochal.dev/trials"


def document(ledger: str = "", **labels: str) -> dict[str, Any]:
    metadata = {"name": "search", "namespace": "vision", "uid": "e", "generation": 1, "resourceVersion": "4"}
    annotations = {LEDGER: ledger, "kubectl.kubernetes.io/last-applied-configuration": "{}"}
    more = {"labels": labels, "annotations": annotations, "managedFields": [{"manager": "kubectl"}]}
    kind = {"apiVersion": "epochal.dev/v1alpha1", "kind": "Experiment"}
    return kind | {"metadata": metadata | more, "spec": spec_document(), "status": {"state": "Running"}}


def test_of_an_experiment_no_annotation_is_kept_and_its_spec_as_a_text() -> None:
    store = store_for([EXPERIMENT])
    store.put(EXPERIMENTS, document("A" * 200_000))
    known = store.get(EXPERIMENTS, Key("vision", "search"))
    assert known is not None
    assert known["metadata"]["annotations"] == {}
    assert "managedFields" not in known["metadata"]
    assert "spec" not in known
    assert decompress_spec(known)["spec"] == spec_document()
    assert known["status"] == {"state": "Running"}


def test_labels_that_were_chosen_are_kept() -> None:
    many = {f"label-{number}": "" for number in range(70)} | {"team": "vision"}
    assert cache_transform.experiment(document(**many), ["team"])["metadata"]["labels"] == {"team": "vision"}


def test_of_a_trial_only_what_its_experiment_needs_is_kept() -> None:
    one = complete()
    one["status"]["network"] = {"parameters": 1}
    one["metadata"]["annotations"]["other"] = "x"
    kept = cache_transform.trial(one)
    assert "network" not in kept["status"]
    assert kept["spec"] == {"suspend": False}
    assert set(kept["metadata"]["annotations"]) == {"epochal.dev/parameters", "epochal.dev/known"}


@pytest.mark.parametrize("character", ["\U0001f600", "\u00e9", '"'])
def test_of_a_trial_the_longest_parameters_are_kept(character: str) -> None:
    names = [f"{'p' * 60}{number}" for number in range(MAX_PARAMETERS)]
    values = dict.fromkeys(names, character * 256)
    document = {"metadata": EXPERIMENT_METADATA, "spec": spec_document()}
    made = training_job(document, spec(), Space.of([]), Trial(1, values, 0))
    text = cache_transform.trial(made)["metadata"]["annotations"]["epochal.dev/parameters"]
    assert json.loads(text) == values


def test_of_other_training_jobs_nothing_is_kept() -> None:
    one = complete()
    one["metadata"]["labels"] = {}
    assert set(cache_transform.trial(one)) == {"metadata"}


def test_of_a_report_it_is_kept_what_it_knows() -> None:
    known = {"epochal.dev/known": "7", "epochal.dev/given-up": ",".join(map(str, range(1000)))}
    metadata = {"name": "search-report", "namespace": "vision", "uid": "r", "annotations": known | {"other": "x"}}
    given = {"metadata": metadata, "spec": {"template": {}}, "status": {"succeeded": 1}}
    kept = cache_transform.report_job(given)
    assert (kept["metadata"]["annotations"], kept["spec"], kept["status"]) == (
        known, {}, {"succeeded": 1}
    )  # fmt: skip
