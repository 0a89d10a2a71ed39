"""`epochal export`: from a file or from the cluster, into files that are not replaced by accident."""

import hashlib
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from epochal.commands.export import Target
from epochal.exporters import TARGETS, TargetName

from tests.unit.cli.api_server import ClusterInMemory
from tests.unit.cli.commands import epochal
from tests.unit.cli.exporters.specs import EXAMPLES

DIGITS = str(EXAMPLES / "digits.yaml")
MODEL = b"the model"


def store(cluster: ClusterInMemory, **results: Any) -> None:
    """Stores the job of digits.yaml in the cluster, with results in its status."""
    document: dict[str, Any] = yaml.safe_load((EXAMPLES / "digits.yaml").read_text())
    cluster.call(cluster.objects.create, "trainingjobs", "vision", document)
    status = {"status": {"state": "Complete", "results": {"uri": "s3://a/b", **results}}}
    cluster.call(cluster.objects.patch, "trainingjobs", "vision", "digits", status, subresource="status")


def exported(name: str = "model.onnx", content: bytes = MODEL) -> dict[str, Any]:
    uri = f"s3://digits-results/vision/digits/1/{name}"
    return {"name": name, "format": "onnx", "model": "Last", "uri": uri, "sha256": hashlib.sha256(content).hexdigest()}


def test_a_file_becomes_a_script(tmp_path: Path) -> None:
    code, output, errors = epochal("export", DIGITS, "--to", "keras", folder=tmp_path)
    assert (code, output, errors) == (0, f"{tmp_path}/digits.py\n", "")
    assert (
        "keras.layers" in (tmp_path / "digits.py").read_text() or "layers.Dense" in (tmp_path / "digits.py").read_text()
    )


def test_a_file_is_replaced_only_by_force(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("mine")
    arguments = ("export", DIGITS, "--to", "keras", "-o", "own.py")
    code, output, errors = epochal(*arguments, folder=tmp_path)
    assert (code, output) == (1, "")
    assert "own.py exists" in errors
    assert "--force" in errors
    assert (tmp_path / "own.py").read_text() == "mine"
    assert epochal(*arguments, "--force", folder=tmp_path).exit_code == 0
    assert (tmp_path / "own.py").read_text() != "mine"


def test_a_folder_takes_the_file(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    output = epochal("export", DIGITS, "--to", "notebook", "-o", "out", folder=tmp_path).output
    assert output == f"{tmp_path}/out/digits.ipynb\n"


def test_a_path_with_a_slash_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = epochal("export", DIGITS, "--to", "keras", "-o", "new/", folder=tmp_path)
    assert result == (0, "new/digits.py\n", "")
    code, _, errors = epochal("export", DIGITS, "--to", "torch", "-o", "new/digits.py", folder=tmp_path)
    assert (code, errors) == (
        2,
        "epochal: --out: new/digits.py is a file, expected a folder for model.py, train.py, convert.py\n",
    )


def test_a_missing_file(tmp_path: Path) -> None:
    code, _, errors = epochal("export", "digts.yaml", "--to", "keras", folder=tmp_path)
    assert code == 3
    assert "digts.yaml" in errors


def test_a_problem_of_the_file_names_the_field(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text((EXAMPLES / "digits.yaml").read_text().replace("layer: Dense", "layer: Dens", 1))
    code, _, errors = epochal("export", "job.yaml", "--to", "keras", folder=tmp_path)
    assert code == 1
    assert "keras.layers has no Dens; did you mean Dense" in errors
    assert not (tmp_path / "digits.py").exists()


def test_a_name_is_a_job_of_the_cluster(cluster: ClusterInMemory, tmp_path: Path) -> None:
    store(cluster)
    result = epochal("export", "digits", "--to", "keras", "--simple", folder=tmp_path, variables=cluster.variables)
    assert result == (0, f"{tmp_path}/digits.py\n", "")
    assert epochal("export", "other", "--to", "keras", folder=tmp_path, variables=cluster.variables).exit_code == 3


def test_a_name_like_a_file_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text((EXAMPLES / "digits.yaml").read_text())
    code, _, errors = epochal("export", "job", "--to", "keras", folder=tmp_path)
    assert code == 5
    assert errors.startswith("job means a TrainingJob in the cluster. For the file, write job.yaml\n")


def test_onnx_downloads_the_models(cluster: ClusterInMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [exported(), exported("best.onnx"), {**exported("saved.zip"), "format": "savedmodel"}]
    store(cluster, exports=files)
    fetched = with_bucket(monkeypatch, MODEL)
    arguments = ("export", "digits", "--to", "onnx")
    result = epochal(*arguments, folder=tmp_path, variables=cluster.variables)
    assert result == (0, f"{tmp_path}/model.onnx\n{tmp_path}/best.onnx\n", "")
    assert (tmp_path / "best.onnx").read_bytes() == MODEL
    assert fetched == [f"digits-results vision/digits/1/{name}" for name in ("model.onnx", "best.onnx")]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".epochal")]


def test_a_changed_model_is_refused(cluster: ClusterInMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store(cluster, exports=[exported()])
    with_bucket(monkeypatch, b"another model")
    code, _, errors = epochal("export", "digits", "--to", "onnx", folder=tmp_path, variables=cluster.variables)
    assert code == 1
    assert "Another program has replaced the file" in errors
    assert not (tmp_path / "model.onnx").exists()


def test_a_training_without_onnx_says_why(cluster: ClusterInMemory, tmp_path: Path) -> None:
    reason = {"reason": "NotExportable", "message": "the layer Own has no ONNX operator\x1b[31m"}
    store(cluster, export=reason)
    code, _, errors = epochal("export", "digits", "--to", "onnx", folder=tmp_path, variables=cluster.variables)
    assert code == 3
    assert "the layer Own has no ONNX operator\\x1b[31m" in errors


def test_an_unsafe_file_name_writes_nothing(cluster: ClusterInMemory, tmp_path: Path) -> None:
    files = [{**exported(), "name": "../model.onnx"}]
    store(cluster, exports=files)
    assert epochal("export", "digits", "--to", "onnx", folder=tmp_path, variables=cluster.variables).exit_code == 1


def test_each_target_is_an_option() -> None:
    assert get_args(TargetName) == (*TARGETS,)
    assert get_args(Target) == (*TARGETS, "onnx")


def with_bucket(monkeypatch: pytest.MonkeyPatch, content: bytes) -> list[str]:
    """Replaces the bucket by one that has the content under each key, and returns a list of the keys read."""
    fetched: list[str] = []

    class Bucket:
        def __init__(self, name: str) -> None:
            self.name = name

        def download(self, key: str, path: Path) -> int:
            fetched.append(f"{self.name} {key}")
            return path.write_bytes(content)

    monkeypatch.setattr("epochal.client.open_bucket.open_bucket", lambda _, __, name, **___: Bucket(name))
    return fetched
