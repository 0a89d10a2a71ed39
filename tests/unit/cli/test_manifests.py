"""`epochal.manifests`: files become typed objects, and documents become YAML as a person writes it."""

from pathlib import Path
from typing import Any

import epochal
import pytest
import yaml
from epochal.errors import EpochalError
from epochal.manifests import check, read, read_one, write
from epochal_api.documents import Loader, read_documents
from epochal_api.trainingjob.spec import TrainingJob
from hypothesis import given
from hypothesis import strategies as st

EXAMPLES = Path(__file__).parents[3] / "manifests" / "examples"

DIGITS = """\
apiVersion: epochal.dev/v1alpha1
kind: TrainingJob
metadata:
  name: digits
spec:
  storage:
    secretRef: {name: minio-credentials}
  data:
    bucket: digits-data
    train: {object: digits.npz}
    validation: {split: "0.2"}
    test: {object: digits.npz}
  network:
    input: {shape: [8, 8, 1]}
    layers:
    - {layer: Rescaling, scale: 0.0625}
    - {layer: Conv2D, filters: 16, kernel_size: 3, activation: relu}
    - {layer: Flatten}
    - {layer: Dropout, rate: 0.2}
    - {layer: Dense, units: 10, activation: softmax}
  training:
    epochs: 8
    optimizer: {name: Adam, learning_rate: 0.003}
    loss: SparseCategoricalCrossentropy
    metrics: [accuracy]
    seed: 7
    callbacks:
    - {callback: EarlyStopping, monitor: val_loss, patience: 3, restore_best_weights: true}
  resources:
    requests: {cpu: 250m, memory: 1Gi}
    limits: {memory: 3Gi}
  results:
    bucket: digits-results
"""


def test_the_style_of_the_examples() -> None:
    assert write(yaml.safe_load(DIGITS)) == DIGITS


def test_comments() -> None:
    document = {"spec": {"network": {"layers": [{"layer": "Dense", "units": 3}, {"layer": "ReLU"}]}, "suspend": True}}
    comments = {
        "": "Imported from a.nnd",
        "spec.network.layers[1]": "was: Relu\nof 2018\r\x1b[31m",
        "spec.network.layers[0].units": "was: 4",
        "spec.suspend": "until the data are there",
        "spec.results": "is missing",
    }
    assert write(document, comments).splitlines() == [
        "# Imported from a.nnd",
        "# spec.results: is missing",
        "spec:",
        "  network:",
        "    layers:",
        "    - layer: Dense",
        "      # was: 4",
        "      units: 3",
        "    # was: Relu",
        "    # of 2018",
        "    # \\x1b[31m",
        "    - {layer: ReLU}",
        "  # until the data are there",
        "  suspend: true",
    ]


def test_a_comment_above_the_first_field_of_an_item() -> None:
    text = write({"layers": [{"layer": "Dense"}]}, {"layers[0].layer": "the last layer"})
    assert text == "layers:\n# the last layer\n- layer: Dense\n"


@pytest.mark.parametrize("text", ["0.2", "1e-3", "0o7", "1:30", "yes", "Null", "2026-11-30", ".5", "a: b", "a #b", "-"])
def test_quoted_texts(text: str) -> None:
    assert write({"value": text}) == f'value: "{text}"\n'


@pytest.mark.parametrize("text", ["2Gi", "500m", "s3://a/b.keras", "conv2d/kernel", "a flow of 2018", "Größe"])
def test_plain_texts(text: str) -> None:
    assert write({"value": text}) == f"value: {text}\n"


def test_long_values_are_blocks() -> None:
    names = [f"name{index}" for index in range(30)]
    assert write({"names": names}).splitlines() == ["names:", *(f"- {name}" for name in names)]
    assert write({"rows": [[1, 2], list(range(60))]}).splitlines()[:4] == ["rows:", "- [1, 2]", "-", "  - 0"]


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=30
)


@given(st.dictionaries(st.text(), _VALUES, max_size=4), st.dictionaries(st.text(), st.text(), max_size=3))
def test_each_document_is_read_as_it_was_written(document: dict[str, Any], comments: dict[str, str]) -> None:
    assert yaml.load(write(document, comments), Loader) == document  # noqa: S506 - a safe loader


@given(_VALUES)
def test_a_commented_value_is_read_as_it_was_written(value: Any) -> None:
    comments = dict.fromkeys(("a[0]", "a[1]", "a[0][0]", "a[0].b"), "why")
    assert yaml.load(write({"a": value}, comments), Loader) == {"a": value}  # noqa: S506 - a safe loader


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_examples_stay_the_same_objects(example: Path) -> None:
    for manifest in read(example):
        (document,) = read_documents(write(manifest.document))
        assert document.value == manifest.document


def test_objects_of_other_groups_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "all.yaml"
    path.write_text("apiVersion: v1\nkind: Secret\n---\n" + DIGITS)
    (manifest,) = read(path)
    assert isinstance(manifest.object, TrainingJob)
    assert read_one(path, TrainingJob).spec.training.epochs == 8
    assert check(path) == check(manifest.document) == check(manifest.object) == []


def test_the_names_of_the_package(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(DIGITS.replace("Flatten", "Flaten"))
    assert epochal.read(str(path))[0].object.metadata.name == "digits"
    (problem,) = epochal.check(str(path))
    assert (problem.path, problem.hint) == ("spec.network.layers[2].layer", "did you mean Flatten?")
    assert "read" in dir(epochal)
    with pytest.raises(AttributeError, match="module 'epochal' has no attribute 'reed'"):
        epochal.reed  # noqa: B018


def _error(path: Path) -> str:
    with pytest.raises(EpochalError) as caught:
        read_one(path, TrainingJob)
    return str(caught.value)


def test_errors_name_field_and_remedy(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    assert _error(path) == f"{path}: cannot read the file: No such file or directory"
    path.write_text(DIGITS.replace("epochs: 8", "epochs: 0"))
    assert _error(path) == f"{path}:22:5: spec.training.epochs: must be at least 1, found 0"
    path.write_text("apiVersion: v1\nkind: Secret\n---\n- a\n---\na: b\n")
    assert "must be an object of Kubernetes, found list" in _error(path)
    path.write_text("apiVersion: v1\nkind: Secret\n")
    assert _error(path).startswith(f"{path} has no TrainingJob, Experiment or ModelServer, found Secret\nWrite a")
    path.write_text(DIGITS + "---\n" + DIGITS)
    assert "must have one TrainingJob, found TrainingJob digits, TrainingJob digits\n" in _error(path)
    path.write_bytes(b"\xff")
    assert "the file must be text in UTF-8" in _error(path)
    path.write_bytes(b"#" * (4 * 2**20 + 1))
    assert "the file must have at most 4 MiB" in _error(path)
