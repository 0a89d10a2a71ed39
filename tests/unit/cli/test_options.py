"""The options of kubectl, completion with live names, and the name of the command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from epochal.__main__ import complete_for_kubectl, program_name
from epochal.exit_codes import ExitCode

from tests.kit.fake.faults import Fault
from tests.unit.cli.api_server import ClusterInMemory
from tests.unit.cli.commands import epochal
from tests.unit.cli.objects import put, put_job


def test_kubeconfig_and_context(cluster: ClusterInMemory, tmp_path: Path) -> None:
    put_job(cluster, "mnist")
    assert "mnist" in epochal("list", "--kubeconfig", "kubeconfig.yaml", folder=tmp_path).output
    code, _, errors = epochal("list", "--context", "other", folder=tmp_path, variables=cluster.variables)
    assert code == ExitCode.NO_CONNECTION
    assert "other" in errors
    assert "kubectl config get-contexts" in errors


def test_help_names_the_options_of_kubectl(tmp_path: Path) -> None:
    output = epochal("watch", "--help", folder=tmp_path).output
    for option in ("--namespace", "--context", "--kubeconfig"):
        assert option in output


@pytest.mark.parametrize("path", ["/usr/bin/kubectl-epochal", "kubectl-epochal.exe"])
def test_the_name_of_a_plugin(path: str) -> None:
    assert program_name(path) == "kubectl epochal"


def test_the_name_of_the_command() -> None:
    assert program_name("/usr/bin/epochal") == "epochal"


def complete(variables: dict[str, str], words: str, shell: str) -> str:
    environment = os.environ | variables
    environment |= {
        "_EPOCHAL_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    command = [sys.executable, "-c", "from epochal.__main__ import main; main()"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_has_the_names_in_the_cluster(cluster: ClusterInMemory, shell: str) -> None:
    put_job(cluster, "mnist")
    put_job(cluster, "mnist-2", namespace="default")
    put(cluster, "experiments", "mn-search", {})
    put(cluster, "modelservers", "mn-server", {})
    put_job(cluster, "other")
    found = complete(cluster.variables, "epochal watch mn", shell)
    assert "mnist" in found
    assert "mn-search" in found
    assert "mn-server" in found
    assert "mnist-2" not in found
    assert "other" not in found


@pytest.mark.parametrize("status", [403, 404])
def test_completion_without_a_kind_has_the_names_of_the_others(cluster: ClusterInMemory, status: int) -> None:
    put_job(cluster, "mnist")
    cluster.server.faults.append(Fault("list", "modelservers", status=status))
    assert "mnist" in complete(cluster.variables, "epochal watch mn", "bash")


def test_completion_for_kubectl(
    cluster: ClusterInMemory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put_job(cluster, "mnist-2", namespace="default")
    monkeypatch.setattr(sys, "argv", ["kubectl_complete-epochal", "suspend", "-n", "default", ""])
    monkeypatch.setattr(os, "environ", os.environ | cluster.variables)
    complete_for_kubectl()
    assert capsys.readouterr().out.splitlines() == ["mnist-2", ":4"]
    cluster.server.faults.append(Fault("list", status=403))
    complete_for_kubectl()
    assert capsys.readouterr() == (":4\n", ""), "a completion prints no error"


def test_completion_has_only_names(cluster: ClusterInMemory) -> None:
    put_job(cluster, "$(id)")
    assert "id" not in complete(cluster.variables, "epochal watch ", "zsh").replace("_files", "")
