"""`make cluster-down` leaves nothing behind: no process, mount, network namespace, control group or folder."""

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent
STATE = Path("/var/lib/epochal-cluster")


@pytest.fixture(scope="module", autouse=True)
def _down() -> None:
    subprocess.run([sys.executable, str(SOURCE), "down"], check=True, timeout=120)


def test_no_process_is_left() -> None:
    marks = (str(STATE), "containerd-shim", "kubepods", "epochal-operator", "epochal-trainer run")
    left = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        if any(mark in command for mark in marks):
            left.append(command)
    assert left == []


def test_no_mount_is_left() -> None:
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    assert [mount for mount in mounts if "epochal" in mount or "kubelet" in mount] == []


def test_no_network_namespace_is_left() -> None:
    assert not Path("/run/netns/epochal").exists()


def test_no_control_group_is_left() -> None:
    groups = Path("/sys/fs/cgroup")
    assert [str(path) for path in groups.glob("*/kubepods*")] + [str(path) for path in groups.glob("*/epochal*")] == []


def test_no_folder_is_left() -> None:
    assert not STATE.exists()
