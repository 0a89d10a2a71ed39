"""The configuration of a cluster: kubeconfigs, exec plugins, client certificates and errors."""

import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from epochal.client import connect
from epochal.client.configuration import log_in
from epochal.client.kinds import TRAINING_JOBS
from epochal.environment import Environment
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

from tests.kit.certificates import self_signed
from tests.unit.cli.api_server import ClusterInMemory


def write(file: Path, user: dict[str, Any], **cluster: Any) -> Environment:
    entries = {
        "clusters": [{"name": "one", "cluster": {"server": "https://api.invalid", **cluster}}],
        "users": [{"name": "me", "user": user}],
        "contexts": [{"name": "work", "context": {"cluster": "one", "user": "me", "namespace": "vision"}}],
    }
    file.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "work"} | entries))
    return Environment(variables={"KUBECONFIG": str(file)}, folder=file.parent)


def test_an_exec_plugin_gives_the_token(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    version = "client.authentication.k8s.io/v1"
    answer = f'{{"apiVersion": "{version}", "kind": "ExecCredential", "status": {{"token": "t"}}}}'
    plugin.write_text(f"#!/bin/sh\necho '{answer}'\n")
    plugin.chmod(stat.S_IRWXU)
    environment = write(tmp_path / "config", {"exec": {"apiVersion": version, "command": str(plugin)}})
    login = log_in(environment)
    assert login.namespace == "vision"
    assert login.api.configuration.get_api_key_with_prefix("BearerToken") == "Bearer t"


def test_an_exec_plugin_that_fails(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    version = "client.authentication.k8s.io/v1"
    environment = write(tmp_path / "config", {"exec": {"apiVersion": version, "command": "/none/plugin"}})
    with pytest.raises(EpochalError, match="/none/plugin") as caught:
        log_in(environment)
    assert caught.value.exit_code == ExitCode.NO_CONNECTION
    assert capfd.readouterr() == ("", "")


def test_a_client_certificate(tmp_path: Path) -> None:
    pair = self_signed("api.invalid", ca=True)
    for name, text in (("client.crt", pair.certificate), ("client.key", pair.key)):
        (tmp_path / name).write_text(text)
    user = {"client-certificate": "client.crt", "client-key": "client.key"}
    configuration = log_in(write(tmp_path / "config", user)).api.configuration
    assert configuration.cert_file == str(tmp_path / "client.crt")
    assert configuration.key_file == str(tmp_path / "client.key")


@pytest.mark.parametrize(
    "text", ["", "- a\n", "a: [", "apiVersion: v1\nkind: Config\n", "current-context: x\ncontexts: []\nclusters: []\n"]
)
def test_a_broken_kubeconfig(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(EpochalError, match="no usable configuration of a cluster") as caught:
        log_in(Environment(variables={"KUBECONFIG": "config"}, folder=tmp_path))
    assert "--kubeconfig" in caught.value.remedy


def test_the_default_file_and_several_files(cluster: ClusterInMemory, tmp_path: Path) -> None:
    content = Path(cluster.variables["KUBECONFIG"]).read_text()
    home = tmp_path / "home"
    (home / ".kube").mkdir(parents=True)
    (home / ".kube" / "config").write_text(content)
    assert connect(Environment(variables={"HOME": str(home)})).list(TRAINING_JOBS) == []
    files = f"{tmp_path}/none:{cluster.variables['KUBECONFIG']}"
    assert connect(Environment(variables={"KUBECONFIG": files})).namespace == "vision"
    assert connect(Environment(variables={"KUBECONFIG": files}), namespace="other").namespace == "other"
