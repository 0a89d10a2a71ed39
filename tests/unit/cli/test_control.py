"""`epochal suspend`, `resume`, `finish`, `continue` and `delete`."""

from pathlib import Path
from typing import Any

import pytest
from epochal.exit_codes import ExitCode

from tests.kit.fake.faults import Fault
from tests.unit.cli.api_server import ClusterInMemory
from tests.unit.cli.commands import Result, epochal
from tests.unit.cli.objects import put, put_job, running


@pytest.fixture
def run(cluster: ClusterInMemory, tmp_path: Path) -> Any:
    def run(*arguments: str) -> Result:
        return epochal(*arguments, folder=tmp_path, variables=cluster.variables)

    return run


def spec(cluster: ClusterInMemory, name: str, resource: str = "trainingjobs") -> Any:
    return cluster.call(cluster.objects.get, resource, "vision", name)["spec"]


def test_suspend_and_resume(cluster: ClusterInMemory, run: Any) -> None:
    put_job(cluster, "mnist", **running(3))
    assert run("suspend", "mnist") == (0, "trainingjob.epochal.dev/mnist suspended\n", "")
    assert spec(cluster, "mnist")["suspend"] is True
    assert "is suspended already" in run("suspend", "tj/mnist").output
    assert "resumed" in run("resume", "mnist").output
    assert spec(cluster, "mnist")["suspend"] is False


def test_finish_an_experiment(cluster: ClusterInMemory, run: Any) -> None:
    put(cluster, "experiments", "search", {"suspend": True}, state="Suspended")
    assert "finishes early, once `epochal resume search` has resumed it" in run("finish", "search").output
    assert spec(cluster, "search", "experiments") == {"suspend": True, "finish": True}


def test_all_names_are_found_before_the_first_change(cluster: ClusterInMemory, run: Any) -> None:
    put_job(cluster, "mnist", **running(3))
    code, output, errors = run("suspend", "mnist", "mnits")
    assert (code, output) == (ExitCode.NOT_FOUND, "")
    assert "there is no TrainingJob or Experiment mnits in namespace vision; did you mean mnist?" in errors
    assert spec(cluster, "mnist")["suspend"] is False


def test_a_name_of_two_kinds_needs_the_kind(cluster: ClusterInMemory, run: Any) -> None:
    put_job(cluster, "mnist")
    put(cluster, "experiments", "mnist", {})
    code, _, errors = run("suspend", "mnist")
    assert code == ExitCode.USAGE
    assert "Write trainingjob/mnist or experiment/mnist." in errors
    assert run("suspend", "experiment/mnist").exit_code == 0


def test_an_ended_job_is_refused(cluster: ClusterInMemory, run: Any) -> None:
    put_job(cluster, "mnist", state="Complete")
    code, _, errors = run("finish", "mnist")
    assert code == ExitCode.REFUSED
    assert "has ended: it is Complete" in errors
    assert "epochal continue mnist" in errors


@pytest.mark.parametrize("status", [0, 422])  # 0: the 409 of the fake API server
@pytest.mark.parametrize("command", ["suspend", "resume", "finish"])
def test_a_job_that_was_created_again_stays_as_it_is(
    cluster: ClusterInMemory, run: Any, command: str, status: int
) -> None:
    def create_again() -> None:
        cluster.objects.delete("trainingjobs", "vision", "mnist")
        job = {"metadata": {"name": "mnist"}, "spec": {"suspend": command == "resume"}}
        cluster.objects.create("trainingjobs", "vision", job)

    put(cluster, "trainingjobs", "mnist", {"suspend": command == "resume"}, **running(3))
    cluster.server.faults.append(Fault("patch", "trainingjobs", meanwhile=create_again, status=status, times=1))
    code, output, errors = run(command, "mnist")
    assert (code, output) == (ExitCode.REFUSED, "")
    assert "trainingjob.epochal.dev/mnist was deleted and created again after this command had read it" in errors
    assert spec(cluster, "mnist") == {"suspend": command == "resume"}


def test_a_conflict_about_the_same_job_has_the_message_of_the_api_server(cluster: ClusterInMemory, run: Any) -> None:
    put_job(cluster, "mnist", **running(3))
    cluster.server.faults.append(Fault("patch", "trainingjobs", status=409, message="a conflict"))
    code, _, errors = run("suspend", "mnist")
    assert code == ExitCode.REFUSED
    assert "a conflict" in errors


def test_continue_an_ended_job(cluster: ClusterInMemory, run: Any) -> None:
    put_job(cluster, "mnist", **running(10) | {"state": "Complete"})
    put_job(cluster, "mnist-2")
    assert run("continue", "mnist", "--epochs", "+5") == (0, "trainingjob.epochal.dev/mnist-3 created\n", "")
    found = spec(cluster, "mnist-3")
    assert found["training"]["epochs"] == 15
    assert found["training"]["continueFrom"] == {"name": "mnist"}
    assert "suspend" not in found


def test_continue_a_running_job_from_its_best_epoch(cluster: ClusterInMemory, run: Any) -> None:
    put_job(cluster, "mnist", **running(3))
    code, output, _ = run("continue", "mnist", "--epochs", "30", "--name", "longer", "--from", "Best")
    assert (code, output) == (0, "trainingjob.epochal.dev/longer created, which starts when mnist has ended\n")
    assert spec(cluster, "longer")["training"]["continueFrom"] == {"name": "mnist", "from": "Best"}


@pytest.mark.parametrize(
    ("epochs", "message"),
    [
        ("10", "must be more than 10, because the total includes trained epochs, found 10"),
        ("ten", "must be a total such as 30, or more epochs such as +10, found 'ten'"),
        ("+0", "must be more than 10"),
        ("99999999999999999999", "must be a total"),
    ],
)
def test_epochs_that_add_none(cluster: ClusterInMemory, run: Any, epochs: str, message: str) -> None:
    put_job(cluster, "mnist", **running(10) | {"state": "Complete"})
    code, _, errors = run("continue", "mnist", "--epochs", epochs)
    assert code == ExitCode.USAGE
    assert message in errors


def test_delete_without_a_terminal_asks_nothing(cluster: ClusterInMemory, run: Any) -> None:
    put_job(cluster, "mnist")
    put(cluster, "modelservers", "digits", {})
    assert run("delete", "mnist", "digits").output.splitlines() == [
        "trainingjob.epochal.dev/mnist deleted",
        "modelserver.epochal.dev/digits deleted",
    ]
    assert cluster.objects.list("trainingjobs") == []


def test_a_name_that_is_a_path(run: Any) -> None:
    code, _, errors = run("delete", "trainingjob/..")
    assert code == ExitCode.USAGE
    assert "is no name of a TrainingJob" in errors
    code, _, errors = run("delete", "pods/x")
    assert (code, "'pods' is no kind" in errors) == (ExitCode.USAGE, True)
