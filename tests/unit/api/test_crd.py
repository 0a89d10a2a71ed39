"""The CRDs are structural, described and bounded, and the committed files are up to date."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from epochal_api.crd import (
    ALL_KINDS,
    EXPERIMENT_LEDGERS,
    EXPERIMENTS,
    KINDS,
    MODEL_SERVERS,
    TRAINING_JOBS,
    Kind,
    custom_resource_definition,
    definition_name,
    marked_schema,
    schema,
)
from epochal_api.experiment.status import EXPERIMENT_CONDITIONS, EXPERIMENT_STATES
from epochal_api.model import ADMISSION, PRESERVE, QUOTED
from epochal_api.modelserver.status import SERVER_CONDITIONS, SERVER_STATES
from epochal_api.trainingjob.spec import TrainingJob
from epochal_api.trainingjob.status import CONDITIONS, STATES

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
    return list(nodes(schema(kind.model, kind.content)["properties"][part], part))


SPEC = parts(TRAINING_JOBS, "spec")
EACH_KIND = pytest.mark.parametrize("kind", ALL_KINDS, ids=lambda kind: kind.plural)


def fields(kind: Kind) -> list[tuple[str, dict[str, Any]]]:
    return [*parts(kind, kind.content), *(parts(kind, "status") if kind.for_users else [])]


@EACH_KIND
def test_schema_is_structural(kind: Kind) -> None:
    for path, node in fields(kind):
        alternatives = {"x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"}
        assert "type" in node or node.keys() & alternatives, path
        assert not node.keys() & {"$ref", "title", "const", "propertyNames", "allOf"}, path
        assert all(option.keys() == {"required"} for option in node.get("oneOf", [])), path


@EACH_KIND
def test_every_field_is_described(kind: Kind) -> None:
    described = [(path, node) for path, node in fields(kind) if not path.endswith(("[]", "{}"))]
    assert [path for path, node in described if not node["description"].endswith(".")] == []


@EACH_KIND
def test_every_field_of_the_spec_is_bounded(kind: Kind) -> None:
    """The API server prices CEL rules by these bounds, and refuses a CRD whose rules could cost too much."""
    for path, node in parts(kind, kind.content):
        match node.get("type"):
            case "string":
                assert "maxLength" in node or "enum" in node, path
            case "array":
                assert "maxItems" in node, path
            case "integer":
                assert node["format"] == "int64", path
            case "number":
                pytest.fail(f"{path}: the Kubernetes API conventions allow no floats")


@EACH_KIND
def test_a_crd_stays_small(kind: Kind) -> None:
    """A client-side apply stores the CRD in an annotation, which holds 256 KiB, and the Helm release in a Secret."""
    assert (ROOT / "manifests" / "crds" / f"{definition_name(kind)}.yaml").stat().st_size < 100_000


@pytest.mark.parametrize("field", ["data.train.object", "data.test.labels", "data.validation.features", "data.prefix"])
def test_api_server_refuses_a_uri_as_key(field: str) -> None:
    (node,) = [node for path, node in SPEC if path == f"spec.{field}"]
    assert "!self.startsWith('s3://')" in [rule["rule"] for rule in node["x-kubernetes-validations"]]


@pytest.mark.parametrize("field", ["data.bucket", "results.bucket"])
def test_api_server_explains_bucket_names(field: str) -> None:
    (node,) = [node for path, node in SPEC if path == f"spec.{field}"]
    (rule,) = node["x-kubernetes-validations"]
    assert "pattern" not in node
    assert rule["messageExpression"].endswith("without s3://, found %s'.format([self])")


WITHOUT_FOUND = (
    " cannot change once ",  # The values are whole parts of the spec.
    " in a template: ",  # The rule refuses any value.
    "give only one source, found ",
    "give one of trainingJobRef, experimentRef and uri",
    "must be http://HOST[:PORT] or https://HOST[:PORT]",  # The value may contain a password.
    "must be valid labels: ",  # The CRD of Experiments would exceed its size.
    "template.spec.training.monitor must be omitted or equal the objective",
)
"""Parts of the messages of rules that do not end with the found value."""


@EACH_KIND
def test_messages_of_rules_end_with_the_found_value(kind: Kind) -> None:
    rules = [
        rule for _, node in nodes(schema(kind.model, kind.content)) for rule in node.get("x-kubernetes-validations", [])
    ]
    for rule in rules:
        if any(part in rule.get("message", "") for part in WITHOUT_FOUND):
            continue
        assert re.search(r", found %s( \w+ %s)?'\.format\(", rule.get("messageExpression", "")), rule


@EACH_KIND
def test_committed_crd_is_current(kind: Kind) -> None:
    text = (ROOT / "manifests" / "crds" / f"{definition_name(kind)}.yaml").read_text()
    committed = yaml.load(text, yaml.CSafeLoader)
    assert committed == custom_resource_definition(kind), "run `make manifests`"


@pytest.mark.parametrize(
    "field",
    [
        "data.shuffle",
        "data.validation.stratify",
        "finish",
        "results.best",
        "results.evaluation",
        "training.classWeight",
        "training.continueFrom.from",
        "network.inputs",
        "network.outputs",
        "network.weights",
        "training.monitor",
        "training.outputs",
        "training.precision",
    ],
)
def test_later_fields_have_no_stored_default(field: str) -> None:
    """An earlier operator or trainer would refuse a field that the API server has added."""
    (node,) = [node for path, node in SPEC if path == f"spec.{field}"]
    assert "default" not in node


def test_descriptions_contain_the_default() -> None:
    """`kubectl explain` shows no defaults of its own."""
    nodes = [(path, node) for path, node in SPEC if isinstance(node.get("default"), str | int)]
    assert len(nodes) > 10
    for path, node in nodes:
        value = str(node["default"]).lower() if isinstance(node["default"], bool) else node["default"]
        assert f"Default: {'none' if value == '' else value}" in node["description"], path


def test_immutable_field_message_names_mutable_fields() -> None:
    (message,) = (
        rule["message"]
        for rule in schema(TrainingJob)["x-kubernetes-validations"]
        if rule.get("message", "").startswith("spec.image cannot change once a container of the job has run")
    )
    for field in ("spec.finish", "spec.suspend", "spec.activeDeadlineSeconds", "spec.ttlSecondsAfterFinished"):
        assert field in message


def test_only_four_fields_are_mutable() -> None:
    messages = [rule.get("message", "") for rule in schema(TrainingJob)["x-kubernetes-validations"]]
    frozen = {message.split()[0] for message in messages if "cannot change" in message}
    fields = {f"spec.{name}" for name in schema(TrainingJob)["properties"]["spec"]["properties"]}
    changing = {"finish", "suspend", "ttlSecondsAfterFinished", "activeDeadlineSeconds"}
    assert fields - frozen == {f"spec.{field}" for field in changing}


@pytest.mark.parametrize(
    ("kind", "states", "conditions"),
    [
        (TRAINING_JOBS, STATES, CONDITIONS),
        (EXPERIMENTS, EXPERIMENT_STATES, EXPERIMENT_CONDITIONS),
        (MODEL_SERVERS, SERVER_STATES, SERVER_CONDITIONS),
    ],
    ids=lambda value: getattr(value, "plural", ""),
)
def test_states_and_conditions_are_described(kind: Kind, states: tuple[str, ...], conditions: tuple[str, ...]) -> None:
    status = schema(kind.model)["properties"]["status"]["properties"]
    assert status["state"]["enum"] == [*states]
    assert [state for state in states if state not in status["state"]["description"]] == []
    types = status["conditions"]["items"]["properties"]["type"]["description"]
    assert [name for name in conditions if name not in types] == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_printer_columns_show_fields_of_the_schema(kind: Kind) -> None:
    (version,) = custom_resource_definition(kind)["spec"]["versions"]
    columns = version["additionalPrinterColumns"]
    assert {"State", "Age", "Reason"} <= {column["name"] for column in columns}
    for column in columns:
        path = column["jsonPath"].partition("[")[0].split(".")[1:]
        if path[0] != "metadata":
            node = version["schema"]["openAPIV3Schema"]
            for part in path:
                node = node["properties"][part]


def test_ledger_is_bounded_and_in_no_category() -> None:
    made = custom_resource_definition(EXPERIMENT_LEDGERS)["spec"]
    (version,) = made["versions"]
    assert version["schema"]["openAPIV3Schema"]["properties"]["data"]["maxLength"] == 200 * 1024
    assert version["schema"]["openAPIV3Schema"]["required"] == ["data"]
    assert "subresources" not in version
    assert not made["names"].keys() & {"categories", "shortNames"}


@pytest.mark.parametrize(
    ("kind", "quoted"),
    [
        (
            EXPERIMENTS,
            [
                "objective.target",
                "initialTrials[]{}",
                "parameters[].float.min",
                "parameters[].float.max",
                "parameters[].float.step",
                "parameters[].values[]",
                "parameters[].when.values[]",
                "template.spec.data.validation.split",
                "template.spec.training.outputs[].weight",
            ],
        ),
        (TRAINING_JOBS, ["data.validation.split", "training.outputs[].weight"]),
        (MODEL_SERVERS, []),
    ],
    ids=lambda value: getattr(value, "plural", ""),
)
def test_a_text_that_people_write_as_a_number_has_no_type(kind: Kind, quoted: list[str]) -> None:
    """For a wrong type, the API server prints a line for each field, and none tells users to write quotes."""
    marked = dict(nodes(marked_schema(kind.model)["properties"]["spec"], "spec"))
    assert [path for path, node in marked.items() if QUOTED in node] == [f"spec.{path}" for path in quoted]
    for path, node in parts(kind, "spec"):
        assert not node.keys() & {QUOTED, ADMISSION}, path
        if QUOTED in marked[path]:
            assert not node.keys() & {"type", "x-kubernetes-int-or-string", "x-kubernetes-validations"}, path
            assert (node[PRESERVE], node["maxItems"], node["maxProperties"]) == (True, 0, 0), path
            assert node["maxLength"] <= 256, path
