"""`epochal delete` in a terminal: it asks, with the state of each object."""

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from epochal.__main__ import run
from epochal.environment import Environment
from epochal.exit_codes import ExitCode

from tests.unit.cli.api_server import ClusterInMemory
from tests.unit.cli.objects import put_job, running


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("\n", 1), ("", 1)])
def test_it_asks_before_it_deletes(cluster: ClusterInMemory, tmp_path: Path, answer: str, left: int) -> None:
    put_job(cluster, "mnist", **running(3, loss="0.5"))
    stdout, stderr = Terminal(), io.StringIO()
    environment = Environment(
        stdin=Terminal(answer), stdout=stdout, stderr=stderr, folder=tmp_path, variables=cluster.variables
    )
    assert run(["delete", "mnist"], environment) == (ExitCode.REFUSED if left else ExitCode.DONE)
    assert "Running  epoch 3/10  loss 0.5" in stderr.getvalue()
    assert "Delete? Results stay in the bucket. [y/N]" in stderr.getvalue()
    assert len(cluster.objects.list("trainingjobs")) == left


def test_an_answer_in_a_real_terminal(cluster: ClusterInMemory) -> None:
    put_job(cluster, "mnist", **running(3, loss="0.5"))
    screen, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "epochal", "delete", "mnist"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=os.environ | cluster.variables,
    ) as process:
        os.write(screen, b"y\n")
        assert process.wait(30) == ExitCode.DONE
    os.close(terminal)
    shown = os.read(screen, 4096).decode()
    os.close(screen)
    assert "Delete? Results stay in the bucket. [y/N]" in shown
    assert shown.endswith("trainingjob.epochal.dev/mnist deleted\r\n")
