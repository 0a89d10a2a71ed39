"""`epochal submit`: the objects of a file are checked, created and watched."""

from pathlib import Path
from typing import Any

import pytest
from epochal.exit_codes import ExitCode

from tests.unit.cli.api_server import ClusterInMemory
from tests.unit.cli.commands import Result, epochal
from tests.unit.cli.objects import set_status
from tests.unit.cli.test_watch import when_watched

MNIST = (Path(__file__).parents[3] / "manifests" / "examples" / "mnist.yaml").read_text()


@pytest.fixture
def run(cluster: ClusterInMemory, tmp_path: Path) -> Any:
    (tmp_path / "mnist.yaml").write_text(MNIST)

    def run(*arguments: str) -> Result:
        return epochal("submit", *arguments, folder=tmp_path, variables=cluster.variables)

    return run


def test_a_file_is_created_in_the_namespace_of_the_user(cluster: ClusterInMemory, run: Any) -> None:
    assert run("mnist.yaml") == (0, "trainingjob.epochal.dev/mnist created\n", "")
    assert [each["metadata"]["namespace"] for each in cluster.objects.list("trainingjobs")] == ["vision"]
    assert run("mnist.yaml", "--name", "again", "-n", "default").exit_code == 0
    code, _, errors = run("mnist.yaml")
    assert code == ExitCode.REFUSED
    assert "trainingjob.epochal.dev/mnist exists already" in errors
    assert "--name" in errors


def test_a_file_with_problems_creates_nothing(cluster: ClusterInMemory, run: Any, tmp_path: Path) -> None:
    (tmp_path / "mnist.yaml").write_text(MNIST.replace("layer: Dense", "layer: Dens", 1))
    code, output, errors = run("mnist.yaml")
    assert (code, output) == (ExitCode.FAILED, "")
    assert "mnist.yaml:" in errors
    assert "did you mean Dense" in errors
    assert cluster.server.asked == []


def test_submit_and_watch(cluster: ClusterInMemory, run: Any) -> None:
    when_watched(cluster, lambda: set_status(cluster, "trainingjobs", "mnist", state="Failed"))
    code, output, _ = run("mnist.yaml", "--watch")
    assert code == ExitCode.FAILED
    assert output.splitlines()[-1] == "00:00:00  mnist  Failed"


def test_a_missing_file(run: Any) -> None:
    code, _, errors = run("none.yaml")
    assert code == ExitCode.FAILED
    assert "none.yaml: cannot read the file" in errors
