"""`make open`, in a network of its own that stands for the machine: nothing in it reaches the cluster."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.kit.documents import ROOT


@dataclass(frozen=True)
class OpenPorts:
    """The command that forwards ports of the machine, while it runs.

    Args:
        process: Its process.
    """

    process: subprocess.Popen[str]

    @property
    def network(self) -> str:
        """Path of the machine's network, for nsenter."""
        return f"/proc/{self.process.pid}/ns/net"

    def url(self, name: str) -> str:
        """Return the URL that the command prints for a service, such as Studio."""
        assert self.process.stdout is not None
        return next(line.split()[0] for line in self.process.stdout if line.rstrip().endswith(name))


@contextmanager
def open_ports() -> Iterator[OpenPorts]:
    """Run the command of `make open`, which is the last one of `make demo-studio`, too."""
    command = f"ip link set lo up && exec {sys.executable} tests/cluster open"
    with subprocess.Popen(
        ["unshare", "--net", "sh", "-c", command], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield OpenPorts(process)
        finally:
            process.kill()
