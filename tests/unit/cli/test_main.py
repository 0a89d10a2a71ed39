"""Exit codes and messages of errors that no command expects, of Ctrl-C, and of a closed pipe."""

import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from epochal.client.cluster import Cluster
from epochal.exit_codes import ExitCode

from tests.unit.cli.api_server import ClusterInMemory
from tests.unit.cli.commands import epochal
from tests.unit.cli.objects import put_job, running

COMMAND = (sys.executable, "-m", "epochal")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(13, "Permission denied", "/data/x"), "epochal: /data/x: Permission denied\n"),
        (TypeError("a\x1b[31m"), "epochal: unexpected error: TypeError: a\\x1b[31m\nPlease report it, with"),
    ],
)
def test_an_unexpected_error_is_no_traceback(
    cluster: ClusterInMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(Cluster, "list", fail)
    code, output, errors = epochal("list", folder=tmp_path, variables=cluster.variables)
    assert (code, output) == (ExitCode.FAILED, "")
    assert errors.startswith(message)
    with pytest.raises(type(error)):
        epochal("list", folder=tmp_path, variables={**cluster.variables, "EPOCHAL_DEBUG": "1"})


def test_ctrl_c_ends_the_view_only(cluster: ClusterInMemory) -> None:
    put_job(cluster, "mnist", **running(3))
    with subprocess.Popen(
        [*COMMAND, "watch", "mnist"],
        env=os.environ | cluster.variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert "Running  epoch 3/10" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == ExitCode.INTERRUPTED
    assert errors == "\nThe training goes on. Watch it again with `epochal watch mnist`.\n"


def test_a_closed_pipe_is_quiet(cluster: ClusterInMemory) -> None:
    put_job(cluster, "mnist")
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [*COMMAND, "list"], env=os.environ | cluster.variables, stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert ended.stderr == b""


def test_the_version(tmp_path: Path) -> None:
    assert epochal("--version", folder=tmp_path) == (0, f"epochal {version('epochal')}\n", "")
