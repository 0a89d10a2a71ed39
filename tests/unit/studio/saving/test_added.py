"""The fields that the cluster adds to a spec, beside the defaults of the API."""

from copy import deepcopy
from typing import Any

import pytest
from epochal_api.crd import EXPERIMENTS, TRAINING_JOBS, schema
from epochal_studio.saving.added import added_fields

from tests.kit.schema import with_defaults
from tests.unit.studio.networks.texts import document, experiment


def found(sent: dict[str, Any], stored: dict[str, Any]) -> list[tuple[list[str | int], Any]]:
    return [(each.path, each.value) for each in added_fields(sent["kind"], sent, stored)]


@pytest.mark.parametrize(
    ("sent", "kind"), [(document(suspend=True), TRAINING_JOBS), (experiment(), EXPERIMENTS)], ids=["job", "experiment"]
)
def test_defaults_of_the_api_are_no_additions(sent: dict[str, Any], kind: Any) -> None:
    stored = with_defaults(schema(kind.model), sent)
    assert stored != sent
    assert found(sent, stored) == []


def test_fields_that_a_webhook_adds() -> None:
    sent = document(suspend=True, scheduling={"priorityClassName": "low"})
    stored = with_defaults(schema(TRAINING_JOBS.model), deepcopy(sent))
    stored["spec"]["scheduling"]["nodeSelector"] = {"zone": "a"}
    stored["spec"]["backoffLimit"] = 77
    stored["spec"]["network"]["layers"][1]["name"] = "flat"
    stored["spec"]["suspend"] = False  # a value that the user has sent
    stored["metadata"]["labels"] = {"team": "vision"}
    assert sorted(found(sent, stored), key=str) == sorted(
        [
            (["spec", "scheduling", "nodeSelector"], {"zone": "a"}),
            (["spec", "backoffLimit"], 77),
            (["spec", "network", "layers", 1, "name"], "flat"),
        ],
        key=str,
    )


def test_a_spec_that_is_missing_or_unusual_has_no_additions() -> None:
    specs: list[Any] = [None, [], {"network": {"layers": [{}]}}]
    for spec in specs:
        assert found({"kind": "TrainingJob", "spec": spec}, {"spec": {"network": {"layers": []}}}) == []
    assert found({"kind": "TrainingJob"}, {}) == []
