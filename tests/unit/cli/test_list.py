"""`epochal list`: the columns of kubectl, by state, sorted by a metric, and formats for scripts."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from epochal.exit_codes import ExitCode
from epochal_api.documents import read_documents

from tests.kit.fake.faults import Fault
from tests.unit.cli.api_server import ClusterInMemory
from tests.unit.cli.commands import Result, epochal
from tests.unit.cli.objects import put, put_job, ready, running


@pytest.fixture
def run(cluster: ClusterInMemory, tmp_path: Path) -> Any:
    def run(*arguments: str) -> Result:
        return epochal("list", *arguments, folder=tmp_path, variables=cluster.variables)

    return run


def names(output: str, column: int = 0) -> list[str]:
    return [line.split()[column] for line in output.splitlines()[1:]]


def test_the_columns_of_kubectl(cluster: ClusterInMemory, run: Any) -> None:
    put_job(cluster, "mnist", **running(3, val_loss="0.5"))
    put_job(cluster, "waits", state="Queued", conditions=ready("Unschedulable"))
    code, output, errors = run()
    assert (code, errors) == (0, "")
    header, mnist, waits = output.splitlines()
    assert header.split() == ["NAME", "STATE", "EPOCH", "METRIC", "BEST", "ETA", "AGE"]
    assert mnist.split()[:7] == ["mnist", "Running", "3/10", "val_loss", "0.5", "0.5", "2m"]
    assert waits.split()[1:6] == ["Queued", "-", "-", "-", "-"]
    assert "Unschedulable" in run("-o", "wide").output


def test_all_namespaces(cluster: ClusterInMemory, run: Any) -> None:
    put_job(cluster, "here")
    put_job(cluster, "there", namespace="default")
    assert names(run().output) == ["here"]
    assert names(run("-A").output) == ["default", "vision"]
    assert names(run("-n", "default").output) == ["there"]


def test_other_kinds(cluster: ClusterInMemory, run: Any) -> None:
    put_job(cluster, "mnist")
    put(cluster, "experiments", "search", {}, state="Running")
    put(cluster, "modelservers", "digits", {}, state="Ready")
    assert names(run("exp").output) == ["search"]
    assert run("all", "-o", "name").output.split() == [
        "trainingjob.epochal.dev/mnist",
        "experiment.epochal.dev/search",
        "modelserver.epochal.dev/digits",
    ]
    code, _, errors = run("pods")
    assert code == ExitCode.USAGE
    assert "'pods' is no kind" in errors


def test_by_state(cluster: ClusterInMemory, run: Any) -> None:
    put_job(cluster, "a", state="Running")
    put_job(cluster, "b", state="Failed")
    put_job(cluster, "c")
    assert names(run("--state", "running", "--state", "Failed").output) == ["a", "b"]
    code, _, errors = run("--state", "Runing")
    assert code == ExitCode.USAGE
    assert "'Runing' is no state" in errors
    assert "did you mean Running" in errors


def test_the_best_value_of_a_metric_is_first(cluster: ClusterInMemory, run: Any) -> None:
    for name, loss in (("a", "0.5"), ("b", "0.25"), ("c", "nan"), ("d", "1e-3")):
        put_job(cluster, name, **running(1, val_loss=loss, accuracy=loss))
    put_job(cluster, "e")
    assert names(run("--sort", "val_loss").output) == ["d", "b", "a", "c", "e"]
    assert names(run("--sort", "val_loss", "--reverse").output) == ["a", "b", "d", "c", "e"]
    assert names(run("--sort", "accuracy").output) == ["a", "b", "d", "c", "e"]
    assert "ACCURACY" in run("--sort", "accuracy").output
    code, _, errors = run("--sort", "val_los")
    assert code == ExitCode.USAGE
    assert "did you mean val_loss?" in errors


def test_documents_for_scripts(cluster: ClusterInMemory, run: Any) -> None:
    put_job(cluster, "mnist", state="Run\x1b[31m")
    for text in (run("-o", "json").output, run("-o", "yaml").output):
        assert "\x1b" not in text
        document = yaml.safe_load(text)
        assert document["kind"] == "List"
        assert document["items"][0]["metadata"]["name"] == "mnist"
        assert document["items"][0]["kind"] == "TrainingJob"
        assert "managedFields" not in document["items"][0]["metadata"]
    assert json.loads(run("-A", "--state", "Failed", "-o", "json").output)["items"] == []


def test_yaml_quotes_numbers_that_are_texts(cluster: ClusterInMemory, run: Any) -> None:
    texts = ["1e-4", "1e3", "-.5e2", "0.2", "12", "1.", "Adam", "a: b"]
    put(cluster, "trainingjobs", "mnist", {"texts": texts})
    (read,) = read_documents(run("-o", "yaml").output)
    assert read.value["items"][0]["spec"]["texts"] == texts


def test_no_objects(run: Any) -> None:
    assert run() == (0, "", "No trainingjobs in namespace vision.\n")


def test_text_of_the_cluster_loses_control_characters(cluster: ClusterInMemory, run: Any) -> None:
    put_job(cluster, "mnist", state="Running", display={"metric": "a\x1b[2Jb\nc"})
    assert "a [2Jb c" in run().output


def test_no_connection_is_an_exit_code(cluster: ClusterInMemory, tmp_path: Path) -> None:
    code, output, errors = epochal("list", folder=tmp_path, variables={"HOME": str(tmp_path / "none")})
    assert (code, output) == (ExitCode.NO_CONNECTION, "")
    assert "there is no kubeconfig file" in errors
    assert "--kubeconfig" in errors
    cluster.server.faults.append(Fault("list", status=403))
    code, _, errors = epochal("list", "--kubeconfig", "kubeconfig.yaml", folder=tmp_path)
    assert (code, "Ask an administrator" in errors) == (ExitCode.REFUSED, True)
