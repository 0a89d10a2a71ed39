"""Faults of a process on its node, which is this machine: its processes are visible here."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import SHUT_RDWR, socket

from tests.faults.observer import PODS, STATE
from tests.kit import apiserver
from tests.kit.apiserver import Away
from tests.kit.kubectl import wait

USER = 65532
SMALL_VOLUME_SECONDS = 600

_PTRACE_DETACH, _PTRACE_SEIZE, _PTRACE_INTERRUPT = 17, 0x4206, 0x4207
_WALL = 0x40000000
"""Waits for threads as for processes."""
_HOG = """
import sys, time
taken = []
for _ in range(int(sys.argv[1])):
    taken.append(bytearray(b"x") * 2**20)
    time.sleep(0.0005)
time.sleep(600)
"""


def frozen(pid: int, seconds: float) -> None:
    """Stops the main thread of a process until the process has ended; its other threads run on, as in a deadlock.

    Args:
        seconds: How long to wait for its end.

    Raises:
        TimeoutError: If it has not ended by then; the thread runs on.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    for request in (_PTRACE_SEIZE, _PTRACE_INTERRUPT):
        if libc.ptrace(request, pid, None, None):
            raise OSError(ctypes.get_errno(), f"ptrace({request:#x}) of {pid}")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        # Who traces a main thread is told of its end before its parent is.
        found, status = os.waitpid(pid, os.WNOHANG | _WALL)
        if found and (os.WIFEXITED(status) or os.WIFSIGNALED(status)):
            return
        time.sleep(0.02)
    libc.ptrace(_PTRACE_DETACH, pid, None, None)
    raise TimeoutError(f"process {pid} hung for {seconds} s and nobody ended it")


def out_of_memory(pid: int, limit: int) -> None:
    """Has the kernel kill a process for memory: another one in its cgroup takes all that its limit allows.

    Args:
        limit: The cgroup's limit, bytes.
    """
    Path(f"/proc/{pid}/oom_score_adj").write_text("1000")  # of the two, it is the one to go
    members = _memory_cgroup(pid) / "cgroup.procs"
    os.kill(pid, signal.SIGSTOP)  # a short training would come to its end meanwhile
    hog = subprocess.Popen(
        [sys.executable, "-S", "-c", _HOG, str(limit // 2**20)],
        preexec_fn=lambda: members.write_text("0"),  # noqa: PLW1509 - it does nothing but enter the cgroup
    )
    try:
        wait("the kernel to run out of memory", lambda: not Path(f"/proc/{pid}").exists(), seconds=60, every=0.02)
    finally:
        hog.kill()
        hog.wait()


def oom_kills(pid: int) -> int:
    """Returns how many processes of a container the kernel has killed for memory.

    Args:
        pid: A process of the container.
    """
    folder = _memory_cgroup(pid)
    events = next(file for name in ("memory.events", "memory.oom_control") if (file := folder / name).exists())
    counts = dict(line.split() for line in events.read_text().splitlines())
    return int(counts["oom_kill"])


def _memory_cgroup(pid: int) -> Path:
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return Path(f"/sys/fs/cgroup/memory{path}")
    return Path(f"/sys/fs/cgroup{path}")


def kill_all(pod_uid: str) -> None:
    """Ends every process of a pod, its sandbox too, as a machine that is switched off does."""
    for cgroup in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            if pod_uid in cgroup.read_text():
                os.kill(int(cgroup.parent.name), signal.SIGKILL)
        except OSError:
            continue


def root(pid: int) -> Path:
    """Returns the root of a container's files, by its process."""
    return Path(f"/proc/{pid}/root")


@contextmanager
def small_volume(namespace: str, job: str, *, volume: str, size: int) -> Iterator[None]:
    """Gives every new pod of a job a small file system in place of an emptyDir, before its container starts.

    The kubelet takes such a mount for one of its own and removes it with the pod.

    Args:
        volume: The emptyDir.
    """
    connections: list[socket] = []

    def serve() -> None:
        path = f"/api/v1/namespaces/{namespace}/pods?watch=true&labelSelector=batch.kubernetes.io/job-name={job}"
        with suppress(Away):  # the connection is shut down in the end
            for event in apiserver.stream(path, SMALL_VOLUME_SECONDS, connections.append):
                if event["type"] == "ADDED":
                    shrink(event["object"]["metadata"]["uid"])

    def shrink(uid: str) -> None:
        folder = PODS / uid / "volumes" / "kubernetes.io~empty-dir" / volume
        wait(f"volume {volume} of the pod", folder.exists, seconds=30, every=0.005)
        in_host("mount", "-t", "tmpfs", "-o", f"size={size},mode=2777,gid={USER}", "none", str(folder))

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield
    finally:
        for connection in connections:
            connection.shutdown(SHUT_RDWR)


def in_host(*command: str, timeout: float = 120) -> str:
    """Runs a command in the mount namespace of the cluster's components.

    The tests themselves have a mount namespace of their own, see tests/cluster/run.
    """
    containerd = (STATE / "pids" / "containerd").read_text().split()[0]
    ended = subprocess.run(
        ["nsenter", f"--mount=/proc/{containerd}/ns/mnt", f"--wd={Path.cwd()}", *command],
        check=False,
        text=True,
        capture_output=True,
        timeout=timeout,
    )
    assert ended.returncode == 0, f"{' '.join(command)}: {ended.stdout}{ended.stderr}"
    return ended.stdout
