"""The CRD is structural, explained, bounded, and what is committed is what the models say."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from epochal_api.crd import (
    ALL_KINDS,
    EXPERIMENT_LEDGERS,
    EXPERIMENTS,
    MODEL_SERVERS,
    TRAINING_JOBS,
    Kind,
    custom_resource_definition,
    definition_name,
    schema,
)
from epochal_api.trainingjob.spec import TrainingJob
from epochal_api.trainingjob.status import CONDITIONS

ROOT = Path(__file__).parents[3]


def nodes(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if "items" in node:
        yield from nodes(node["items"], f"{path}[]")
    if "additionalProperties" in node:
        yield from nodes(node["additionalProperties"], f"{path}{{}}")


def parts(kind: Kind, part: str) -> list[tuple[str, dict[str, Any]]]:
    return list(nodes(schema(kind.model)["properties"][part], part))


def said(node: dict[str, Any]) -> str:
    """Returns the description of a field, in one line."""
    return " ".join(node["description"].split())


SPEC = parts(TRAINING_JOBS, "spec")
STATUS = parts(TRAINING_JOBS, "status")
LEDGER = list(nodes(schema(EXPERIMENT_LEDGERS.model)["properties"]["data"], "data"))
SPECS = [*LEDGER, *SPEC, *parts(EXPERIMENTS, "spec"), *parts(MODEL_SERVERS, "spec")]
ALL = [*SPECS, *STATUS, *parts(EXPERIMENTS, "status"), *parts(MODEL_SERVERS, "status")]


@pytest.mark.parametrize(("path", "node"), ALL)
def test_node_is_structural(path: str, node: dict[str, Any]) -> None:
    assert "type" in node or node.keys() & {"x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"}
    assert not node.keys() & {"$ref", "title", "const", "propertyNames", "oneOf", "allOf"}


@pytest.mark.parametrize(("path", "node"), [(p, n) for p, n in ALL if not p.endswith(("[]", "{}"))])
def test_field_is_described(path: str, node: dict[str, Any]) -> None:
    assert node["description"].endswith((".", "https://keras.io/api/."))


@pytest.mark.parametrize(("path", "node"), SPECS)
def test_spec_is_bounded(path: str, node: dict[str, Any]) -> None:
    """The API server prices CEL rules by these bounds, and refuses a CRD whose rules could cost too much."""
    match node.get("type"):
        case "string":
            assert "maxLength" in node or "enum" in node
        case "array":
            assert "maxItems" in node
        case "integer":
            assert node["format"] == "int64"
        case "number":
            pytest.fail(f"{path}: the Kubernetes API conventions allow no floats")


@pytest.mark.parametrize("field", ["data.train.object", "data.test.labels", "data.validation.features", "data.prefix"])
def test_the_api_server_refuses_a_uri_where_a_key_must_stand(field: str) -> None:
    (node,) = [node for path, node in SPEC if path == f"spec.{field}"]
    assert "!self.startsWith('s3://')" in [rule["rule"] for rule in node["x-kubernetes-validations"]]


@pytest.mark.parametrize("field", ["data.bucket", "results.bucket"])
def test_the_api_server_says_what_a_bucket_is_called_by(field: str) -> None:
    (node,) = [node for path, node in SPEC if path == f"spec.{field}"]
    (rule,) = node["x-kubernetes-validations"]
    assert "pattern" not in node
    assert rule["message"].endswith("without s3://")


@pytest.mark.parametrize("kind", ALL_KINDS, ids=lambda kind: kind.plural)
def test_committed_crd_is_current(kind: Kind) -> None:
    committed = yaml.safe_load((ROOT / "manifests" / "crds" / f"{definition_name(kind)}.yaml").read_text())
    assert committed == custom_resource_definition(kind), "run `make manifests`"


@pytest.mark.parametrize("field", ["spec.training.precision", "spec.training.monitor", "spec.results.best"])
def test_an_older_trainer_reads_what_does_not_name_a_field_that_is_new(field: str) -> None:
    (found,) = [node for path, node in SPEC if path == field]
    assert "default" not in found


@pytest.mark.parametrize("path", ["data.shuffle", "data.validation.stratify", "training.classWeight"])
def test_an_older_trainer_reads_what_does_not_name_what_came_later(path: str) -> None:
    (node,) = [node for found, node in SPEC if found == f"spec.{path}"]
    assert "default" not in node


@pytest.mark.parametrize(
    ("field", "default"), [("epochs", 1), ("batchSize", 32), ("optimizer", {"name": "RMSprop"}), ("seed", 0)]
)
def test_defaults_are_explained(field: str, default: object) -> None:
    (found,) = [node for path, node in SPEC if path == f"spec.training.{field}"]
    assert found["default"] == default
    word = default["name"] if isinstance(default, dict) else default
    assert f"Default: {word}" in said(found)


def test_every_default_is_said_where_kubectl_explains_a_field() -> None:
    """It prints none of its own. What is empty, and a part of several fields, has none worth a word."""
    plain = [(path, node) for path, node in SPEC if isinstance(node.get("default"), str | int)]
    assert len(plain) > 10
    assert [path for path, node in plain if "Default: " not in said(node)] == []


def test_what_finish_does_to_one_that_has_ended_is_said() -> None:
    (node,) = [node for path, node in SPEC if path == "spec.finish"]
    assert "On one that has ended it does nothing." in said(node)


def test_what_an_enumeration_may_be_is_said() -> None:
    enums = {path: node["enum"] for path, node in SPEC + STATUS if "enum" in node}
    assert enums["spec.training.precision"] == ["float32", "mixed_bfloat16", "mixed_float16"]
    assert enums["spec.training.monitor.mode"] == enums["status.best.mode"] == ["Min", "Max"]


def test_an_operator_of_before_is_not_given_a_field_that_nobody_wrote() -> None:
    """What the API server fills in, an earlier operator or trainer would refuse."""
    for field in ("spec.finish", "spec.training.continueFrom.from"):
        (node,) = [node for path, node in SPEC if path == field]
        assert "default" not in node
        assert "Default: " in node["description"]


def test_what_cannot_change_any_more_says_what_still_can() -> None:
    (message,) = (
        rule["message"]
        for rule in schema(TrainingJob)["x-kubernetes-validations"]
        if rule["message"].startswith("spec.image cannot change once a container of the job has run")
    )
    for field in ("spec.finish", "spec.suspend", "spec.activeDeadlineSeconds", "spec.ttlSecondsAfterFinished"):
        assert field in message


def test_every_field_but_four_is_immutable() -> None:
    messages = [rule["message"] for rule in schema(TrainingJob)["x-kubernetes-validations"]]
    frozen = {message.split()[0] for message in messages if "cannot change" in message}
    fields = {f"spec.{name}" for name in schema(TrainingJob)["properties"]["spec"]["properties"]}
    changing = {"finish", "suspend", "ttlSecondsAfterFinished", "activeDeadlineSeconds"}
    assert fields - frozen == {f"spec.{field}" for field in changing}


def test_the_types_of_conditions_are_explained() -> None:
    (node,) = [node for path, node in STATUS if path == "status.conditions[].type"]
    assert all(name in node["description"] for name in CONDITIONS)


def test_why_it_is_where_it_is_is_shown_on_demand() -> None:
    columns = custom_resource_definition(TRAINING_JOBS)["spec"]["versions"][0]["additionalPrinterColumns"]
    (reason,) = [column for column in columns if column["name"] == "Reason"]
    assert reason["jsonPath"] == '.status.conditions[?(@.type=="Ready")].reason'
    assert reason["priority"] == 1


def test_a_ledger_is_bounded_and_no_user_lists_it_with_the_kinds_that_users_create() -> None:
    made = custom_resource_definition(EXPERIMENT_LEDGERS)["spec"]
    (version,) = made["versions"]
    assert version["schema"]["openAPIV3Schema"]["properties"]["data"]["maxLength"] == 200 * 1024
    assert version["schema"]["openAPIV3Schema"]["required"] == ["data"]
    assert "subresources" not in version
    assert not made["names"].keys() & {"categories", "shortNames"}
