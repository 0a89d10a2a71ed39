"""Load by wrk, a program that is not Python and takes little of a core itself."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.kit.inference import Questions

SCRIPT = Path(__file__).parent / "load.lua"
CORE = 1
"""The core that it runs on: another one than that of what it loads."""


@dataclass(frozen=True)
class Load:
    """What came of some load.

    Args:
        rate: Requests that were answered per second.
        failed: Those that were not, or not with success.
        p50: Median of the latencies, in microseconds.
        p99: Their 99th percentile.
    """

    rate: float
    failed: int
    p50: float
    p99: float


def load(url: str, requests: Path, *, connections: int, seconds: int) -> Load:
    """Sends requests as fast as they are answered.

    Args:
        url: Where to.
        requests: The file that `write` has written.
        connections: How many connections there are, each with one request at a time.
        seconds: How long.
    """
    pinned = ["taskset", "--cpu-list", str(CORE), "wrk", "--threads", "1", "--connections", str(connections)]
    how = ["--duration", f"{seconds}s", "--timeout", "10s", "--script", str(SCRIPT)]
    command = [*pinned, *how, url, "--", str(requests)]
    told = subprocess.run(command, check=True, text=True, capture_output=True, timeout=seconds + 30).stdout
    found = json.loads(told.strip().rpartition("\n")[2])
    rate = found["requests"] / found["microseconds"] * 1e6
    return Load(rate, found["failed"], found["p50"], found["p99"])


def write(path: Path, questions: Questions) -> Path:
    """Writes requests down for load.lua, and returns the path."""
    given = "".join(f"{name}: {value}\r\n" for name, value in questions.headers.items())
    with path.open("wb") as file:
        for body in questions.bodies:
            head = f"POST {questions.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n{given}\r\n"
            request = head.encode() + body
            file.write(f"{len(request)}\n".encode() + request)
    return path
