"""Import and export without the process around them."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from epochal.errors import EpochalError
from epochal_studio.conversion.child import export_network, import_network
from epochal_studio.wire.networks import MAX_YAML

from tests.unit.cli.importers.flows import chain, digits, node
from tests.unit.studio.networks.texts import document, experiment, text


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


OWN = "apiVersion: epochal.dev/v1alpha1\nkind: TrainingJob\n"


def file(name: str, content: str | bytes) -> Path:
    path = Path(name)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def model(layers: int) -> str:
    found = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 4], "name": "in"}},
        *(
            {"class_name": "Dense", "config": {"name": f"{'a' * 120}_{index}", "units": 3, "activation": "relu"}}
            for index in range(layers)
        ),
    ]
    return json.dumps({"class_name": "Sequential", "config": {"name": "small", "layers": found}})


def test_a_flow() -> None:
    found = import_network(file("old.nnd", json.dumps(digits())))
    spec = yaml.safe_load(found.yaml)["spec"]
    assert spec["network"]["layers"][0]["layer"] == "Conv2D"
    assert not found.has_weights


def test_weights_are_announced() -> None:
    path = Path("small.keras")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", model(2))
        archive.writestr("model.weights.h5", b"weights")
    found = import_network(path)
    assert found.has_weights
    assert "weights" not in yaml.safe_load(found.yaml)["spec"]["network"]
    assert "weights.h5" not in found.yaml


def test_the_number_of_details_beyond_the_list_is_shown() -> None:
    parameters = {f"parameter_{index}": "value" for index in range(300)}
    found = import_network(
        file("old.nnd", json.dumps(chain(node("Flat", "core.flatten", [], **parameters), loss="loss.mse")))
    )
    assert "more details are lost" in found.warnings[-1]


@pytest.mark.parametrize("name", ["own.yaml", "own.yml", "own.json", "OWN.YAML"])
def test_a_manifest_of_epochal_stays_as_it_is(name: str) -> None:
    own = "# mine\n" + text(document()) if not name.endswith("json") else json.dumps(document())
    assert import_network(file(name, own)).yaml == own
    assert import_network(file("search.yaml", text(experiment({}, paths=())))).warnings == []


@pytest.mark.parametrize(
    ("name", "content", "cause", "remedy"),
    [
        ("train.py", "model = 1", "Studio runs no programs", "epochal import train.py --run model"),
        ("train.ipynb", "{}", "Studio runs no programs", "epochal import train.ipynb --run model"),
        ("old.h5", b"\x89HDF\r\n\x1a\n", "HDF5", "save the model as a .keras file"),
        ("cut.keras", b"PK\x03\x04cut", "cut.keras", ""),
        ("unknown.json", "{}", "the format of the file is unknown", "Studio imports flows"),
        (
            "server.yaml",
            "apiVersion: epochal.dev/v1alpha1\nkind: ModelServer\n",
            "of Epochal already",
            "Studio imports",
        ),
        ("broken.yaml", "a: [", "broken.yaml", "Studio imports"),
        ("empty.yaml", "", "empty", "Studio imports"),
        ("wide.json", model(900), f"more than {MAX_YAML:,} characters", "epochal import"),
        ("TRAIN.PY", "model = 1", "Studio runs no programs", "epochal import TRAIN.PY --run model"),
        ("long.yaml", f"{OWN}# {'x' * MAX_YAML}", f"more than {MAX_YAML:,} characters", "epochal import"),
        ("two.yaml", f"{OWN}---\napiVersion: v1\nkind: Secret\n", "begins another object", "a file of its own"),
        ("tag.yaml", f"{OWN}metadata: {{name: 2026-01-01}}\n", "metadata.name", "a file of its own"),
        ("list.yaml", OWN.replace("TrainingJob", "[]"), "of Epochal already", "Studio imports"),
    ],
)
def test_another_file(name: str, content: str | bytes, cause: str, remedy: str) -> None:
    with pytest.raises(EpochalError) as error:
        import_network(file(name, content))
    assert cause in error.value.message
    assert remedy.lower() in error.value.remedy.lower()


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("keras", {"digits.py"}),
        ("notebook", {"digits.ipynb"}),
    ],
)
def test_code(target: str, names: set[str]) -> None:
    path = file("network.yaml", text(document() | {"metadata": {"name": "digits"}}))
    exact, simple = (export_network(path, target, simple=is_simple) for is_simple in (False, True))
    assert {each.name for each in exact.files} == names
    assert "Dense" in exact.files[0].text
    assert exact.files[0].text != simple.files[0].text


def test_an_experiment_leads_to_its_trials() -> None:
    with pytest.raises(EpochalError, match="Experiment trains a network for each trial") as error:
        export_network(file("network.yaml", text(experiment({}, paths=()))), "keras", simple=False)
    assert error.value.remedy.startswith("Import the YAML of a trial")


@pytest.mark.parametrize(
    ("content", "target", "cause"),
    [
        ("a: [", "keras", "cannot be read"),
        (text({"kind": "Model"}), "keras", "no valid TrainingJob"),
        (text(document({"layer": "Dens", "units": 1})), "keras", "did you mean Dense"),
        (text(document({"layer": "LSTM", "units": 3})), "caffe", "LSTM"),
    ],
)
def test_a_network_without_code(content: str, target: str, cause: str) -> None:
    with pytest.raises(EpochalError) as error:
        export_network(file("network.yaml", content), target, simple=False)
    assert cause in error.value.message
    assert "epochal " not in error.value.remedy


@pytest.mark.parametrize(
    ("layer", "training", "target", "remedy"),
    [
        ({"layer": "LSTM", "units": 3}, {}, "caffe", "The targets keras, notebook, torch have a counterpart."),
        (
            {"layer": "Dense", "units": 3},
            {"stepsPerEpoch": 9},
            "keras",
            "Export it without the option that Keras shuffles the samples.",
        ),
    ],
)
def test_a_remedy_is_for_a_browser(layer: dict[str, Any], training: dict[str, Any], target: str, remedy: str) -> None:
    job = document(layer)
    job["spec"]["training"] = {**job["spec"]["training"], **training}
    with pytest.raises(EpochalError) as error:
        export_network(file("network.yaml", text(job)), target, simple=target == "keras")
    assert error.value.remedy == remedy
