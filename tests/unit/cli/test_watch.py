"""`epochal watch` and `epochal submit --watch`: lines without a terminal, bars in one, exit codes."""

import io
import threading
from pathlib import Path
from typing import Any

import pytest
from epochal.__main__ import run as run_command
from epochal.client.kinds import TRAINING_JOBS
from epochal.client.references import Found
from epochal.environment import Environment
from epochal.exit_codes import ExitCode
from epochal.tasks import follow as follow_module
from epochal.tasks.follow import follow
from epochal.tasks.watch import progress_view

from tests.kit.fake.faults import Fault
from tests.unit.cli.api_server import ClusterInMemory
from tests.unit.cli.commands import Result, epochal
from tests.unit.cli.objects import put, put_job, ready, running, set_status


@pytest.fixture
def run(cluster: ClusterInMemory, tmp_path: Path) -> Any:
    def run(*arguments: str) -> Result:
        return epochal(*arguments, folder=tmp_path, variables=cluster.variables)

    return run


def when_watched(cluster: ClusterInMemory, *steps: Any) -> None:
    """Take each step once the command watches, in a thread of its own."""

    def act() -> None:
        for step in steps:
            while not len(cluster.server.watches):
                threading.Event().wait(0.01)
            step()

    threading.Thread(target=act, daemon=True).start()


def test_a_line_for_each_epoch_and_state(cluster: ClusterInMemory, run: Any) -> None:
    put_job(cluster, "mnist", state="Queued", conditions=ready("Unschedulable", "no free GPU"))
    complete = running(10, loss="0.1") | {"state": "Complete", "test": {"accuracy": "0.99"}}
    when_watched(
        cluster,
        lambda: set_status(cluster, "trainingjobs", "mnist", **running(1, loss="0.9")),
        lambda: set_status(cluster, "trainingjobs", "mnist", progress={"step": 7}),
        lambda: set_status(cluster, "trainingjobs", "mnist", **complete),
    )
    code, output, errors = run("watch", "mnist")
    assert (code, errors) == (0, "")
    assert output.splitlines() == [
        "00:00:00  mnist  Queued  Unschedulable: no free GPU",
        "00:00:00  mnist  Running  epoch 1/10  loss 0.9",
        "00:00:00  mnist  Complete  epoch 10/10  loss 0.1  test accuracy 0.99",
    ]


def test_several_objects_of_two_kinds(cluster: ClusterInMemory, run: Any) -> None:
    put_job(cluster, "a", state="Complete")
    put_job(cluster, "b", state="Failed", conditions=ready("BadData", "no samples"))
    put_job(cluster, "other", state="Running")
    objective = {"metric": "val_loss"}
    put(cluster, "experiments", "search", {"maxTrials": 4, "objective": objective}, state="Running")
    when_watched(
        cluster,
        lambda: set_status(
            cluster,
            "experiments",
            "search",
            state="Complete",
            trials={"created": 4, "failed": 1},
            best={"trial": 2, "jobName": "search-2-r0", "value": "0.1"},
        ),
    )
    code, output, _ = run("watch", "a", "tj/b", "search")
    assert code == ExitCode.FAILED
    assert "b  Failed  BadData: no samples" in output
    assert "search  Complete  trials 4/4  failed 1  best val_loss 0.1 of search-2-r0" in output
    assert "other" not in output


def test_a_deleted_job(cluster: ClusterInMemory, run: Any) -> None:
    put_job(cluster, "mnist", **running(1))
    when_watched(cluster, lambda: cluster.call(cluster.objects.delete, "trainingjobs", "vision", "mnist"))
    code, output, _ = run("watch", "mnist")
    assert code == ExitCode.NOT_FOUND
    assert output.splitlines()[-1] == "00:00:00  mnist  Deleted"


@pytest.mark.parametrize("is_created_again", [True, False])
def test_a_job_that_was_deleted_before_the_watch(cluster: ClusterInMemory, *, is_created_again: bool) -> None:
    found = Found(TRAINING_JOBS, "mnist", put_job(cluster, "mnist", **running(1)))
    cluster.objects.delete("trainingjobs", "vision", "mnist")
    if is_created_again:
        put_job(cluster, "mnist", state="Complete")
    client = cluster.connect()
    with progress_view(client.environment, ["mnist"]) as view:
        assert follow(client, [found], view) == ExitCode.NOT_FOUND


def test_a_hint_without_an_operator(cluster: ClusterInMemory, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow_module, "NO_OPERATOR_SECONDS", 0.0)
    put_job(cluster, "mnist")
    when_watched(cluster, lambda: set_status(cluster, "trainingjobs", "mnist", state="Complete"))
    code, _, errors = run("watch", "mnist")
    assert code == 0
    assert "no operator has written a status of trainingjob.epochal.dev/mnist yet: see `epochal doctor`" in errors


def test_the_watch_ends_with_the_command(cluster: ClusterInMemory, run: Any) -> None:
    """In a notebook, the process lives on."""
    put_job(cluster, "mnist", state="Complete")
    before = set(threading.enumerate())
    assert run("watch", "mnist")[0] == 0
    threads = [one for one in set(threading.enumerate()) - before if one.name == follow_module.WATCH_THREAD]
    for _ in range(100):
        cluster.call(cluster.server.watches.cut)
        for thread in threads:
            thread.join(0.1)
        if not any(thread.is_alive() for thread in threads):
            break
    else:
        pytest.fail("the watch goes on")


def test_a_watch_survives_a_lost_connection_and_an_expired_version(cluster: ClusterInMemory, run: Any) -> None:
    put_job(cluster, "mnist", **running(1))
    cluster.server.faults += [Fault("watch", status=503, times=1), Fault("watch", status=410, times=1)]
    when_watched(
        cluster,
        lambda: cluster.call(cluster.server.watches.cut),
        lambda: set_status(cluster, "trainingjobs", "mnist", state="Complete"),
    )
    code, output, errors = run("watch", "mnist")
    assert code == 0
    assert [line.split()[2] for line in output.splitlines()] == ["Running", "Complete"]
    assert "trying again" in errors


def test_a_refused_watch_ends(cluster: ClusterInMemory, run: Any) -> None:
    put_job(cluster, "mnist", **running(1))
    cluster.server.faults.append(Fault("watch", status=403))
    code, _, errors = run("watch", "mnist")
    assert code == ExitCode.REFUSED
    assert "cannot watch TrainingJob vision/mnist" in errors


def test_bars_in_a_terminal_name_the_state(cluster: ClusterInMemory, tmp_path: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    put_job(cluster, "mnist", **running(10, loss="0.1") | {"state": "Complete"})
    stdout = Terminal()
    variables = {**cluster.variables, "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "120"}
    environment = Environment(stdout=stdout, stderr=io.StringIO(), variables=variables, folder=tmp_path)
    assert run_command(["watch", "mnist"], environment) == 0
    assert "mnist" in stdout.getvalue()
    assert "Complete" in stdout.getvalue()
    assert "100 %" in stdout.getvalue()
