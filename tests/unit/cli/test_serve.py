"""`epochal serve`: a ModelServer in a file, and in the cluster."""

from pathlib import Path
from typing import Any

import pytest
from epochal import manifests
from epochal.client.cluster import Cluster
from epochal.client.kinds import MODEL_SERVERS
from epochal.exit_codes import ExitCode
from epochal_api.modelserver.spec import ModelServer

from tests.unit.cli.commands import epochal
from tests.unit.cli.objects import set_status
from tests.unit.cli.stored_results import STORAGE, Stored


def network(*shape: int) -> dict[str, Any]:
    return {"network": {"input": {"shape": list(shape)}, "layers": []}}


def test_writes_and_applies_a_server(stored: Stored, tmp_path: Path) -> None:
    stored.put_job("photos", {}, network(64, 64, 3))
    code, output, errors = epochal("serve", "photos", folder=tmp_path, variables=stored.variables)
    assert (code, errors) == (0, "")
    path = tmp_path / "photos-server.yaml"
    assert output == f"wrote {path}\napplied modelserver.epochal.dev/photos\n"
    found = manifests.read_one(path, ModelServer)
    assert found.spec.source.training_job_ref is not None
    assert (found.spec.source.training_job_ref.name, found.spec.images.mode) == ("photos", "Resize")
    assert found.spec.storage.secret_ref.name == "credentials"
    applied = stored.cluster.call(stored.cluster.objects.get, "modelservers", "vision", "photos")
    assert applied["spec"]["storage"] == STORAGE
    assert "# The model of the best epoch." in path.read_text()
    assert epochal("serve", "photos", folder=tmp_path, variables=stored.variables).exit_code == 0  # the same again


def test_the_best_trial_of_an_experiment(stored: Stored, tmp_path: Path) -> None:
    stored.put_experiment("search", {})
    options = ("--name", "best", "--images", "Digit", "--replicas", "2", "-o", "b.yaml", "--write-only")
    code, output, _ = epochal("serve", "exp/search", *options, folder=tmp_path, variables=stored.variables)
    assert (code, output) == (0, f"wrote {tmp_path / 'b.yaml'}\n")
    spec = manifests.read_one(tmp_path / "b.yaml", ModelServer).spec
    assert spec.source.experiment_ref is not None
    assert (spec.source.experiment_ref.name, spec.images.mode, spec.replicas) == ("search", "Digit", 2)
    assert stored.cluster.connect().list(MODEL_SERVERS) == []


def test_gray_images_need_a_choice(stored: Stored, tmp_path: Path) -> None:
    stored.put_job("digits", {}, network(28, 28, 1))
    _, _, errors = epochal("serve", "digits", "--write-only", folder=tmp_path, variables=stored.variables)
    assert "--images Digit for handwritten digits" in errors
    assert manifests.read_one(tmp_path / "digits-server.yaml", ModelServer).spec.images.mode == "None"


def test_keeps_a_file_with_another_content(stored: Stored, tmp_path: Path) -> None:
    stored.put_job("mnist", {})
    (tmp_path / "mnist-server.yaml").write_text("mine")
    code, output, errors = epochal("serve", "mnist", folder=tmp_path, variables=stored.variables)
    assert (code, output) == (ExitCode.FAILED, "")
    assert "mnist-server.yaml exists\nWrite to another place with --out, or replace it with --force." in errors
    assert epochal("serve", "mnist", "--force", folder=tmp_path, variables=stored.variables).exit_code == 0


@pytest.mark.parametrize("name", ["0-digit-first", "UPPER", "a.b"])
def test_refuses_a_name_that_no_service_can_have(stored: Stored, tmp_path: Path, name: str) -> None:
    stored.put_job("mnist", {})
    code, _, errors = epochal("serve", "mnist", "--name", name, folder=tmp_path, variables=stored.variables)
    assert code == ExitCode.USAGE
    assert "cannot be the name of a ModelServer" in errors
    assert not list(tmp_path.glob("*-server.yaml"))


@pytest.mark.parametrize(("state", "expected"), [("Ready", 0), ("Failed", 1)])
def test_waits_until_the_server_answers(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, expected: int
) -> None:
    stored.put_job("mnist", {})
    apply = Cluster.apply

    def then_ready(self: Cluster, kind: Any, document: Any) -> Any:
        applied = apply(self, kind, document)
        generation = applied["metadata"].get("generation")
        status = {"state": state, "url": "http://mnist.vision.svc", "observedGeneration": generation}
        set_status(stored.cluster, "modelservers", "mnist", **status)
        return applied

    monkeypatch.setattr(Cluster, "apply", then_ready)
    code, output, errors = epochal("serve", "mnist", "--wait", folder=tmp_path, variables=stored.variables)
    assert code == expected
    assert f"epochal: {state}" in errors
    assert output.endswith("http://mnist.vision.svc\n") == (state == "Ready")
