"""Broken files end with an error that names the part of the file, in bounded time."""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from epochal.errors import EpochalError
from epochal.importers import import_file

from tests.unit.cli.importers.flows import DATA, chain, digits, flow, identity, node

IMAGES = node("Images", "input.imagedata", **DATA)


def changed(**changes: Any) -> dict[str, Any]:
    return {**digits(), **changes}


def label(name: str) -> str:
    return f'node "{name}" (id {identity(name)})'


NAMELESS = node("Flat", "core.flatten", ["Images"])
del NAMELESS["id"]
FLOWS: Mapping[str, tuple[Any, str]] = {
    "no primary pipeline": (
        changed(primary_pipeline=None),
        "primary_pipeline must be the id of a pipeline, found None",
    ),
    "another pipeline": (
        changed(primary_pipeline="x"),
        "primary_pipeline is x, but no pipeline of the file has this id",
    ),
    "no pipelines": (changed(pipelines={}), "pipelines must be a list, found dict"),
    "no nodes": (flow(), "the primary pipeline must have a list of nodes"),
    "only data": (flow(IMAGES), "the flow has no layers"),
    "no data": (flow(node("A", "core.flatten", ["B"]), node("B", "core.flatten", ["A"])), "the links are a cycle"),
    "dangling link": (
        flow(IMAGES, node("Flat", "core.flatten", ["Nothing"])),
        f"{label('Flat')}: a link of its inputs refers to {identity('Nothing')}, which is no node",
    ),
    "cycle": (
        flow(
            IMAGES,
            node("A", "core.flatten", ["Images", "C"]),
            node("B", "core.flatten", ["A"]),
            node("C", "core.flatten", ["B"]),
        ),
        label("B"),
    ),
    "unknown operation": (
        flow(IMAGES, node("Odd", "core.dens", ["Images"])),
        f"{label('Odd')}: the operation core.dens matches no layer of Keras\nDid you mean dense",
    ),
    "unknown loss": (
        chain(node("Flat", "core.flatten", []), loss="loss.strange"),
        f"{label('Loss')}: the operation loss.strange matches no loss of Keras",
    ),
    "equal ids": (flow(IMAGES, IMAGES), f"{label('Images')}: another node"),
    "node without id": (flow(IMAGES, NAMELESS), 'node "Flat": id must be a text, found None'),
    "node without input": (flow(IMAGES, node("Flat", "core.flatten")), f"{label('Flat')}: it has no link to an input"),
    "layer after the loss": (
        flow(
            IMAGES,
            node("Flat", "core.flatten", ["Images"]),
            node("L", "loss.meansquarederror", ["Flat"]),
            node("D", "core.dense", ["L"]),
        ),
        f"{label('D')}: its input is the output of {label('L')}, which is no layer",
    ),
    "wrapper without a layer": (
        chain(node("T", "recurrent.timedistributed", []), loss="loss.meansquarederror"),
        f"{label('T')}: spec.network.layers[0]: TimeDistributed needs wrapped",
    ),
}


@pytest.mark.parametrize("name", FLOWS)
def test_a_broken_flow(tmp_path: Path, name: str) -> None:
    document, message = FLOWS[name]
    path = tmp_path / "broken.nnd"
    path.write_text(json.dumps(document))
    with pytest.raises(EpochalError) as caught:
        import_file(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))


CONTENTS: Mapping[str, tuple[str, bytes, str]] = {
    "cut": ("a.nnd", json.dumps(digits()).encode()[:-30], "must be JSON, found an error in line 1"),
    "empty": ("a.nnd", b"", "must be JSON"),
    "deep": ("a.nnd", b"[" * 200_000, "nested too deep"),
    "long number": ("a.json", b'{"a": ' + b"9" * 10_000 + b"}", "cannot be read as JSON"),
    "not a number": ("a.json", b'{"a": NaN}', "NaN, which is no number in JSON"),
    "no text": ("a.nnd", b"\xff\xfe\x00", "must be a text"),
    "too large": ("a.nnd", b" " * (16 * 2**20 + 1), "at most 16 MiB"),
    "list": ("a.json", b"[1]", "must be a mapping, found list"),
    "unknown": ("a.yaml", b"spec: {a: 1}", "the format of the file is unknown; the first fields in the file are spec"),
    "empty YAML": ("a.yaml", b"# nothing\n", "the file is empty"),
    "large YAML": ("a.yaml", b"a: 1\n" * 200_000, "at most 512 KiB"),
    "YAML with many aliases": (
        "a.yaml",
        b"a: &a [1,1,1,1,1,1,1,1,1]\n"
        + b"".join(b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(8)),
        "more than 100,000 values",
    ),
    "manifest of Epochal": ("a.yaml", b"apiVersion: epochal.dev/v1alpha1\nkind: TrainingJob\n", "of Epochal already"),
    "no zip": ("a.keras", b"weights", "must be a zip archive"),
    "cut zip": ("a.keras", b"PK\x03\x04 and then nothing", "is damaged"),
    "cut HDF5": ("a.h5", b"\x89HDF\r\n\x1a\n and then nothing", "is damaged"),
    "program": ("a.py", b"model = 1", "only after the program has run"),
    "Keras without layers": ("a.json", b'{"class_name": "Sequential", "config": {}}', "must have a list of layers"),
    "control characters": ("a.json", b'{"\\u001b[31m": 1}', r"the first fields in the file are \x1b[31m"),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_a_broken_file(tmp_path: Path, name: str) -> None:
    file, content, message = CONTENTS[name]
    (tmp_path / file).write_bytes(content)
    with pytest.raises(EpochalError) as caught:
        import_file(tmp_path / file)
    assert message in str(caught.value)


def dense(**arguments: Any) -> dict[str, Any]:
    layers = [{"class_name": "InputLayer", "config": {"batch_shape": [None, 4]}}]
    return {
        "class_name": "Sequential",
        "config": {"layers": [*layers, {"class_name": "Dense", "config": {"units": 3, **arguments}}]},
    }


def katib_parameter(**changes: Any) -> dict[str, Any]:
    parameter = {"name": "lr", "parameterType": "double", "feasibleSpace": {"min": "0.1", "max": "0.2"}, **changes}
    objective = {"type": "maximize", "objectiveMetricName": "accuracy"}
    spec = {"objective": objective, "algorithm": {"algorithmName": "random"}, "parameters": [parameter]}
    return {"apiVersion": "kubeflow.org/v1beta1", "kind": "Experiment", "metadata": {"name": "a"}, "spec": spec}


NOT_A_TEXT: Any = [{"x": 1}]
HUGE = 10**400
VALUES: Mapping[str, Any] = {
    "huge units": dense(units=HUGE),
    "huge bound": katib_parameter(feasibleSpace={"min": 1, "max": HUGE}),
    "class of an argument": dense(kernel_initializer={"class_name": NOT_A_TEXT, "config": {}}),
    "class of the model": {**dense(), "class_name": NOT_A_TEXT},
    "type of a parameter": katib_parameter(parameterType=NOT_A_TEXT),
    "empty link": flow(IMAGES, {**node("Flat", "core.flatten"), "inputs": [{"links": [{"node_id_ref": ""}]}]}),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_of_another_type_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps(VALUES[name]))
    with pytest.raises(EpochalError):
        import_file(tmp_path / "a.json")


@pytest.mark.parametrize(
    "compiled",
    [
        {"loss": {"class_name": NOT_A_TEXT}},
        {"loss": "mse", "metrics": [{"class_name": "MeanMetricWrapper", "config": {"fn": NOT_A_TEXT, "name": []}}]},
        {"loss": "mse", "optimizer": {"class_name": "Adam", "config": {"learning_rate": HUGE}}},
    ],
)
def test_a_wrong_value_of_the_training_is_lost(tmp_path: Path, compiled: Any) -> None:
    (tmp_path / "a.json").write_text(json.dumps({**dense(), "compile_config": compiled}))
    assert import_file(tmp_path / "a.json").warnings


def test_a_huge_scale_is_lost(tmp_path: Path) -> None:
    initializer = {"class_name": "VarianceScaling", "config": {"scale": HUGE}}
    (tmp_path / "a.json").write_text(json.dumps(dense(kernel_initializer=initializer)))
    assert "kernel_initializer is lost" in import_file(tmp_path / "a.json").warnings[0]


def test_a_damaged_archive_of_any_compression(tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("config.json", json.dumps(dense()))
    damaged = bytearray(content.getvalue())
    damaged[50:70] = bytes(20)
    (tmp_path / "a.keras").write_bytes(damaged)
    with pytest.raises(EpochalError, match="is damaged"):
        import_file(tmp_path / "a.keras")


def test_10_000_nodes_are_refused_with_the_node(tmp_path: Path) -> None:
    nodes = [
        node(f"Flat {index}", "core.flatten", [f"Flat {index - 1}"] if index else ["Images"]) for index in range(10_000)
    ]
    (tmp_path / "large.nnd").write_text(json.dumps(flow(IMAGES, *nodes)))
    with pytest.raises(
        EpochalError, match=r'node "Flat \d+" \(id .*10,001 nodes, but a network has at most 1,000 layers'
    ):
        import_file(tmp_path / "large.nnd")


def test_warnings_of_1_000_layers_are_bounded(tmp_path: Path) -> None:
    parameters = {f"parameter_{index}": "value" for index in range(50)}
    nodes = [
        node(f"Flat {index}", "core.flatten", [f"Flat {index - 1}"] if index else ["Images"], **parameters)
        for index in range(999)
    ]
    last = node("Dense", "core.dense", ["Flat 998"], output_dim=10)
    (tmp_path / "large.nnd").write_text(json.dumps(flow(IMAGES, *nodes, last, node("L", "loss.mse", ["Dense"]))))
    imported = import_file(tmp_path / "large.nnd")
    assert len(imported.document["spec"]["network"]["layers"]) == 1000
    assert len(imported.warnings) == 201
    assert "49," in imported.warnings[-1]
    assert len(imported.text) > 1000


def archive(config: bytes, weights: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("config.json", config)
        target.writestr("model.weights.h5", weights)
    return content.getvalue()


def test_a_zip_bomb_in_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "bomb.keras").write_bytes(archive(b"[" + b" " * 200_000_000 + b"]", b""))
    with pytest.raises(EpochalError, match=r"the config.json of the .keras file must have at most 16 MiB"):
        import_file(tmp_path / "bomb.keras")


def test_a_zip_bomb_in_the_weights(tmp_path: Path) -> None:
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 4]}},
        {"class_name": "Dense", "config": {"name": "d", "units": 2}},
    ]
    config = json.dumps({"class_name": "Sequential", "config": {"layers": layers}}).encode()
    (tmp_path / "bomb.keras").write_bytes(archive(config, b"\0" * 100_000_000))
    imported = import_file(tmp_path / "bomb.keras")
    assert imported.weights is not None
    with pytest.raises(EpochalError, match="its weights are compressed, which Keras never does"):
        imported.weights.write(tmp_path / "bomb.weights.h5")
