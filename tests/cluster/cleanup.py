"""Leaving nothing behind: processes, mounts, cgroups, the network namespace, files."""

import os
import shutil
from pathlib import Path

import components
import configs
import containers
import images
import kernel
import mounts
import network
import process
from paths import CONTAINERD_ROOT, CONTAINERD_STATE, STATE
from report import Failure

CGROUPS = Path("/sys/fs/cgroup")
PODS = "kubepods"
CONTAINER_LINKS = Path("/var/log/containers")
CNI_RESULTS = Path("/var/lib/cni/results")
LAYER_CACHE = Path("/var/lib/containers/cache")
# Folders of the kubelet, the network plugins, containerd and skopeo, which no setting moves; inner ones first.
FIXED_FOLDERS = tuple(
    Path(folder)
    for folder in (
        "/var/lib/kubelet/device-plugins",
        "/var/lib/kubelet/pod-resources",
        "/var/lib/kubelet/plugins_registry",
        "/var/lib/kubelet",
        "/var/lib/cni/results",
        "/var/lib/cni",
        "/run/containerd/s",
        "/run/containerd",
        "/var/log/containers",
        "/var/lib/containers/cache",
        "/var/lib/containers",
    )
)


def remove_cluster() -> None:
    """Stops and removes all parts of the cluster that exist."""
    _end_components()
    sockets = _shim_sockets()
    process.end(_stray_processes(), grace=2)
    images.release()
    mounts.remove(STATE)
    network.delete()
    _remove_cgroups()
    kernel.restore()
    _remove_files(sockets)


def _end_components() -> None:
    names = [component.name for stage in components.stages() for component in stage]
    process.stop([name for name in names if name != "containerd"], grace=2)
    containerd = components.named("containerd")
    if CONTAINERD_ROOT.exists() and configs.path("containerd.toml").exists():
        try:
            containerd.start()
            containerd.wait()
            containers.remove_all()
        except Failure:
            # Its state of containers would return with the next cluster, so the images are loaded again.
            containerd.stop()
            shutil.rmtree(CONTAINERD_ROOT)
    containerd.stop()


def _stray_processes() -> list[int]:
    """Processes in containers or in the namespace, this one and those that it was started by left out."""
    found = set(network.processes())
    for pods in CGROUPS.glob(f"*/{PODS}"):
        for listing in pods.rglob("cgroup.procs"):
            found.update(map(int, listing.read_text().split()))
    return sorted(found - _ancestry())


def _ancestry() -> set[int]:
    pid, chain = os.getpid(), set()
    while pid > 0:
        chain.add(pid)
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return chain


def _shim_sockets() -> list[Path]:
    """The sockets of containerd's shims, which a shim that was killed does not remove."""
    return [
        Path(address.read_text().removeprefix("unix://"))
        for address in CONTAINERD_STATE.glob("io.containerd.runtime.v2.task/*/*/address")
    ]


def _remove_cgroups() -> None:
    for pods in CGROUPS.glob(f"*/{PODS}"):
        for folder, _, _ in os.walk(pods, topdown=False):
            Path(folder).rmdir()


def _sandboxes() -> list[str]:
    """The pods' sandboxes for which the network plugins have kept something."""
    return [file.name.split("-")[1] for file in CNI_RESULTS.glob(f"{network.NAME}-*")]


def _remove_files(sockets: list[Path]) -> None:
    leftovers = [
        *sockets,
        *(link for link in CONTAINER_LINKS.glob("*") if link.readlink().is_relative_to(STATE)),
        *(file for sandbox in _sandboxes() for file in CNI_RESULTS.glob(f"*-{sandbox}-*")),
        *Path("/var/lib/kubelet").glob("*/kubelet*"),
        *LAYER_CACHE.glob("blob-info-cache*"),
    ]
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    for folder in FIXED_FOLDERS:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    if STATE.exists():
        shutil.rmtree(STATE)
