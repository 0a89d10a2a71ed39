"""The common parts of all kinds."""

from typing import Any

import pytest
from epochal_api.crd import KINDS, Kind, schema
from epochal_api.experiment.spec import InvalidExperiment
from epochal_api.experiment.spec import parse as parse_experiment
from epochal_api.kind import InvalidObject, Metadata
from epochal_api.trainingjob.spec import InvalidTrainingJob
from epochal_api.trainingjob.spec import parse as parse_trainingjob

EACH_KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)


@pytest.mark.parametrize(
    ("parse", "error"), [(parse_experiment, InvalidExperiment), (parse_trainingjob, InvalidTrainingJob)]
)
def test_error_has_a_line_per_field(parse: Any, error: type[InvalidObject]) -> None:
    kind = parse.__annotations__["return"].__name__
    document = {"apiVersion": "epochal.dev/v1alpha1", "kind": kind, "metadata": {"name": "a"}, "spec": {"\u202e": 1}}
    with pytest.raises(error) as refused:
        parse(document)
    lines = str(refused.value).splitlines()
    assert "spec.\\u202e: is not a known field: check its name and its place, found 1" in lines
    assert len([line for line in lines if "is required" in line]) > 1


@EACH_KIND
def test_immutable_optional_field_cannot_be_added_or_removed(kind: Kind) -> None:
    rules = [rule["rule"] for rule in schema(kind.model)["x-kubernetes-validations"] if "oldSelf" in rule["rule"]]
    fields = schema(kind.model)["properties"]["spec"]
    for name in fields["properties"]:
        always = name in fields["required"] or "default" in fields["properties"][name]
        for rule in rules:
            if f"self.spec.{name} == oldSelf.spec.{name}" in rule:
                assert (f"has(self.spec.{name}) == has(oldSelf.spec.{name})" in rule) is not always


def test_null_labels_are_empty() -> None:
    assert Metadata.model_validate({"name": "a", "labels": None, "managedFields": []}).labels == {}
