"""The tables of docs/migration.md agree with the import."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from epochal.importers import import_file
from epochal.importers.ffdl.manifest import MANIFEST_FIELDS
from epochal_api.trainingjob.spec import TrainingJobSpec
from epochal_api.trainingjob.status import STATES

from tests.kit.documents import ROOT
from tests.unit.cli.importers.flows import DATA, flow, node

TEXT = (ROOT / "docs" / "migration.md").read_text()
Row = tuple[str, str]
NEEDED: dict[str, dict[str, Any]] = {
    "convolution.convolution2d": {"nb_filter": 8, "kernel_row": 3, "kernel_col": 3},
    "convolution.deconvolution2d": {"nb_filter": 8, "kernel_row": 3, "kernel_col": 3},
    "convolution.pooling2d": {"kernel_row": 2, "kernel_col": 2},
    "core.dense": {"output_dim": 3},
    "core.dropout": {"p": 0.5},
    "core.reshape": {"target_shape": "(28, 28)"},
    "embedding.embedding": {"input_dim": 9, "output_dim": 3},
    "recurrent.lstm": {"output_dim": 3},
}
"""Parameters without which a layer gets a default with a warning, or cannot be built."""


def rows(head: str) -> list[Row]:
    """Returns the first two cells of a table's rows, by its first head."""
    table = TEXT.partition(f"| {head} |")[2].partition("\n\n")[0]
    return [(line.split("|")[1].strip(), line.split("|")[2].strip()) for line in table.splitlines()[2:]]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


LAYERS = [row for row in rows("operation") if "." in row[0]]


def imported(folder: Path, *nodes: dict[str, Any]) -> Any:
    path = folder / "a.nnd"
    path.write_text(json.dumps(flow(*nodes)))
    return import_file(path)


@pytest.mark.parametrize(("operation", "layer"), LAYERS, ids=[first for first, _ in LAYERS])
def test_each_operation_becomes_its_layer(tmp_path: Path, operation: str, layer: str) -> None:
    op, *setting = words(operation)
    parameters = dict(part.split(": ") for part in setting) | NEEDED.get(op, {})
    sources = ["One", "Two"] if op == "core.merge" else ["One"]
    result = imported(
        tmp_path,
        node("Images", "input.imagedata", **DATA),
        node("One", "core.dropout", ["Images"], p=0.5),
        node("Two", "core.dropout", ["Images"], p=0.5),
        node("It", op, sources, **parameters),
        node("Loss", "loss.meansquarederror", ["It"]),
        node("Adam", "optimizer.adam", ["Loss"]),
    )
    assert result.document["spec"]["network"]["layers"][-1]["layer"] == words(layer)[0]
    assert not [line for line in result.warnings if '"It"' in line]


@pytest.mark.parametrize(
    ("operation", "activation", "field", "expected"),
    [
        ("loss.softmaxcrossentropyloss", "softmax", "loss", "SparseCategoricalCrossentropy"),
        ("loss.sigmoidcrossentropyloss", "sigmoid", "loss", "BinaryCrossentropy"),
        ("loss.meansquarederror", "tanh", "loss", "MeanSquaredError"),
        ("metric.accuracy", "softmax", "metrics", ["accuracy"]),
        ("optimizer.adam", "softmax", "optimizer", "Adam"),
        ("optimizer.sgd", "softmax", "optimizer", "SGD"),
    ],
)
def test_each_operation_of_the_training(
    tmp_path: Path, operation: str, activation: str, field: str, expected: Any
) -> None:
    shown = expected[0] if isinstance(expected, list) else expected
    assert f"| `{operation}` | `{shown}`" in TEXT
    loss = operation if field == "loss" else "loss.softmaxcrossentropyloss"
    optimizer = operation if field == "optimizer" else "optimizer.adam"
    result = imported(
        tmp_path,
        node("Images", "input.imagedata", **DATA),
        node("Flat", "core.flatten", ["Images"]),
        node("Dense", "core.dense", ["Flat"], output_dim=10),
        node("Last", f"activation.{activation}", ["Dense"]),
        node("Loss", loss, ["Last"]),
        node("Accuracy", "metric.accuracy", ["Last"]),
        node("Optimizer", optimizer, ["Loss"]),
    )
    assert result.document["spec"]["training"][field] == expected


def test_each_parameter_of_data_is_read(tmp_path: Path) -> None:
    table = TEXT.partition("### The node for data\n")[2].partition("\n\n###")[0]
    known = {name for line in table.splitlines()[3:] for name in words(line.split("|")[1])}
    assert DATA.keys() - {"data_connection"} <= known


def test_each_field_of_a_manifest_has_a_row() -> None:
    table = TEXT.partition("## FfDL: manifest.yml\n")[2].partition("\n\n| field of a data store")[0]
    found = {name for line in table.splitlines()[3:] for name in words(line.split("|")[1])}
    assert found == MANIFEST_FIELDS


def test_states_are_those_of_a_training_job() -> None:
    states = {state for _, state in rows("state of FfDL")}
    assert {word for state in states for word in words(state)} <= set(STATES)


def test_fields_for_kubeflow_exist() -> None:
    fields = {name for _, second in rows("TFJob or TrainJob") for name in words(second) if name.startswith("spec.")}
    assert fields
    schema = TrainingJobSpec.model_json_schema()
    assert {name.split(".")[1] for name in fields} <= schema["properties"].keys()
