"""`epochal import`: the manifest on standard output or in a file, warnings, weights, and exit codes."""

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.s3_server import Service
from tests.unit.cli.commands import epochal
from tests.unit.cli.importers.flows import chain, digits, node

LAYERS = [
    {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 4], "name": "x"}},
    {"module": "keras.layers", "class_name": "Dense", "config": {"name": "dense", "units": 2, "activation": "softmax"}},
]
MODEL = {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": LAYERS}}
WEIGHTS = b"\x89HDF\r\n\x1a\n weights"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "digits.nnd").write_text(json.dumps(digits()))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.15.1"}')
        archive.writestr("config.json", json.dumps(MODEL))
        archive.writestr("model.weights.h5", WEIGHTS)
    (tmp_path / "wine.keras").write_bytes(content.getvalue())
    return tmp_path


@pytest.fixture
def service() -> Iterator[Service]:
    found = Service()
    yield found
    found.stop()


def test_a_flow_to_standard_output_and_its_check(folder: Path) -> None:
    code, output, errors = epochal("import", "digits.nnd", folder=folder)
    assert (code, errors) == (0, "")
    assert output.startswith("# From the flow Digits of 2018 of the Neural Network Modeler.\napiVersion: epochal.dev")
    (folder / "job.yaml").write_text(output)
    assert epochal("check", "job.yaml", folder=folder).exit_code == 0


def test_a_model_with_its_weights_beside_the_manifest(folder: Path) -> None:
    code, output, errors = epochal("import", "wine.keras", "-o", "job.yaml", "--name", "Wine Quality", folder=folder)
    assert (code, output.split()) == (0, [str(folder / "job.yaml"), str(folder / "job.weights.h5")])
    assert (folder / "job.weights.h5").read_bytes() == WEIGHTS
    assert "name: wine-quality" in (folder / "job.yaml").read_text()
    unused, fill_in = errors.splitlines()
    assert unused.startswith("The TrainingJob does not use the file of weights yet: upload it, and set network.weights")
    assert fill_in.startswith("Before you submit the manifest, fill in: spec.data, spec.results.bucket")
    assert sorted(path.name for path in folder.iterdir()) == ["digits.nnd", "job.weights.h5", "job.yaml", "wine.keras"]


def test_a_folder_of_a_saved_model_names_the_way_to_a_file(folder: Path) -> None:
    (folder / "saved").mkdir()
    code, _, errors = epochal("import", "saved", folder=folder)
    assert (code, "saved is a folder, not a file" in errors, "save the model as .keras" in errors) == (1, True, True)


def test_existing_files_are_replaced_only_with_force(folder: Path) -> None:
    (folder / "job.weights.h5").write_text("mine")
    code, _, errors = epochal("import", "wine.keras", "-o", "job.yaml", folder=folder)
    assert (code, (folder / "job.yaml").exists()) == (1, False)
    assert "job.weights.h5 exists" in errors
    assert epochal("import", "wine.keras", "-o", "job.yaml", "--force", folder=folder).exit_code == 0
    assert (folder / "job.weights.h5").read_bytes() == WEIGHTS


def test_without_weights(folder: Path) -> None:
    assert epochal("import", "wine.keras", "-o", "job.yaml", "--no-weights", folder=folder).exit_code == 0
    assert not (folder / "job.weights.h5").exists()
    assert "weights" not in (folder / "job.yaml").read_text()
    _, output, errors = epochal("import", "wine.keras", folder=folder)
    assert "the weights are not written" in errors
    assert "weights" not in output


def test_upload_sets_the_weights_of_the_network(folder: Path, service: Service) -> None:
    variables = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "EPOCHAL_STORAGE_ENDPOINT": service.endpoint}
    command = ("import", "wine.keras", "-o", "job.yaml", "--upload", "s3://bucket/models/")
    code, output, errors = epochal(*command, folder=folder, variables=variables)
    assert code == 0, errors
    assert output.splitlines()[-1] == "s3://bucket/models/wine.weights.h5"
    assert "uri: s3://bucket/models/wine.weights.h5" in (folder / "job.yaml").read_text()
    assert "does not use" not in errors
    assert epochal("check", "job.yaml", folder=folder).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("import", "none.nnd"), 3, "there is no such file"),
        (("import", "wine.keras", "--upload", "s3://b/x/"), 2, "Add -o FILE."),
        (
            ("import", "wine.keras", "-o", "a.yaml", "--upload", "models"),
            2,
            "--upload must be s3://BUCKET/NAME.weights.h5",
        ),
        (("import", "digits.nnd", "-o", "a.yaml", "--upload", "s3://bucket/x/"), 1, "has no weights to upload"),
        (("import", "wine.keras", "--run", "model"), 1, "--run is for .py and .ipynb"),
        (("import", "model.py"), 2, "Run it with --run NAME"),
        (("import", "model.py", "--run", "a b"), 2, "--run must be the name of a variable"),
        (("import",), 2, "Missing argument"),
    ],
)
def test_errors_write_nothing(folder: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    (folder / "model.py").write_text("model = 1\n")
    found = epochal(*arguments, folder=folder)
    assert (found.exit_code, found.output, message in found.errors) == (code, "", True)
    assert not (folder / "a.yaml").exists()


def test_strict_makes_a_lost_detail_an_error(folder: Path) -> None:
    lossy = chain(node("Flat", "core.flatten", [], W_lr_mult=2), loss="loss.meansquarederror")
    (folder / "lossy.nnd").write_text(json.dumps(lossy))
    code, output, errors = epochal("import", "lossy.nnd", folder=folder)
    assert (code, errors.startswith('warning: node "Flat"')) == (0, True)
    code, output, errors = epochal("import", "lossy.nnd", "--strict", "-o", "job.yaml", folder=folder)
    assert (code, output, (folder / "job.yaml").exists()) == (1, "", False)
    assert "W_lr_mult is 2" in errors


def test_an_h5_file_without_the_trainer_names_the_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "old.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    monkeypatch.setitem(sys.modules, "epochal_trainer", None)
    code, _, errors = epochal("import", "old.h5", folder=folder)
    assert (code, "install the wheels of epochal-trainer" in errors) == (1, True)
