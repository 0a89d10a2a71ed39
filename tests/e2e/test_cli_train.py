"""The commands of a training on the cluster, in a user's words."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.kit.jobs import Namespace, digits

SECONDS = 240
"""Time limit of a command that waits for a training."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    job = digits(training__epochs=2, training__callbacks=None)
    (folder / "digits.yaml").write_text(yaml.safe_dump(job))
    return folder


def run(kubeconfig: str, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the package in a folder, with a user's kubeconfig."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "KUBECONFIG": kubeconfig, "PATH": programs},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def epochal(kubeconfig: str, folder: Path, *arguments: str) -> str:
    ended = run(kubeconfig, folder, "epochal", *arguments)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_a_training_from_submit_to_its_history(namespace: Namespace, kubeconfig: str, folder: Path) -> None:
    lines = epochal(kubeconfig, folder, "submit", "digits.yaml", "--watch").splitlines()
    assert lines[0] == "trainingjob.epochal.dev/digits created"
    assert len(lines) > 2, lines  # a line for its start, at least
    assert "  digits  Complete  epoch 2/2  " in lines[-1]
    assert "val_loss" in lines[-1]
    assert "model s3://" in lines[-1]
    listed = run(kubeconfig, folder, "kubectl", "epochal", "list", "--state", "Complete")
    assert listed.returncode == 0, listed.stderr
    header, row = listed.stdout.splitlines()
    assert header.split()[:3] == ["NAME", "STATE", "EPOCH"]
    assert row.split()[:3] == ["digits", "Complete", "2/2"]
    items = json.loads(epochal(kubeconfig, folder, "list", "--output", "json"))["items"]
    assert [item["metadata"]["uid"] for item in items] == [namespace.job()["metadata"]["uid"]]
    history = epochal(kubeconfig, folder, "events", "digits")
    assert "TrainingJob digits: Complete" in history
    assert "Completed" in history
    refused = run(kubeconfig, folder, "epochal", "submit", "digits.yaml")
    assert (refused.returncode, refused.stdout) == (4, "")
    assert "trainingjob.epochal.dev/digits exists already" in refused.stderr


def test_a_training_is_continued_suspended_resumed_finished_and_deleted(
    namespace: Namespace, kubeconfig: str, folder: Path
) -> None:
    assert epochal(kubeconfig, folder, "continue", "digits", "--epochs", "500") == (
        "trainingjob.epochal.dev/digits-2 created\n"
    )
    namespace.wait_epoch(3, "digits-2")
    assert "suspended" in epochal(kubeconfig, folder, "suspend", "digits-2")
    namespace.wait_state("Suspended", name="digits-2")
    assert "resumed" in epochal(kubeconfig, folder, "resume", "tj/digits-2")
    assert "finishes early" in epochal(kubeconfig, folder, "finish", "digits-2")
    last = epochal(kubeconfig, folder, "watch", "digits-2").splitlines()[-1]
    assert "digits-2  Complete" in last
    assert namespace.condition("Ready", "digits-2")["reason"] == "FinishedEarly"
    assert epochal(kubeconfig, folder, "delete", "digits-2") == "trainingjob.epochal.dev/digits-2 deleted\n"
    missing = run(kubeconfig, folder, "epochal", "watch", "digits-2")
    assert missing.returncode == 3
    assert "there is no TrainingJob, Experiment or ModelServer digits-2" in missing.stderr
