"""Servers on this machine, each on the one core that the bare loop has, too."""

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

CORE = 0
START_SECONDS = 60


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


def pinned(*command: str) -> Sequence[str]:
    """Returns a command prefix that pins a process to one core."""
    return ("taskset", "--cpu-list", str(CORE), *command)


@contextmanager
def serving(
    command: Sequence[str], port: int, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[int]:
    with log.open("wb") as log_file:
        process = subprocess.Popen(
            pinned(*command), stdout=log_file, stderr=subprocess.STDOUT, env=os.environ | dict(environment or {})
        )
    try:
        _wait(process, port, log)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"no server was ready within {START_SECONDS} s: {log.read_text()}")
