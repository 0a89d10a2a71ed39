"""Load by wrk, which takes little of a core itself."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.kit.inference import InferRequests

SCRIPT = Path(__file__).parent / "load.lua"
CORE = 1
"""Core of wrk: another one than that of the server."""


@dataclass(frozen=True)
class Load:
    """Results of a load: answered requests a second, failed ones, and latencies in microseconds."""

    rate: float
    failed: int
    p50: float
    p99: float


def load(url: str, requests: Path, *, connections: int, seconds: int) -> Load:
    """Sends the requests in a file of `write` as fast as they are answered."""
    pinned = ["taskset", "--cpu-list", str(CORE), "wrk", "--threads", "1", "--connections", str(connections)]
    how = ["--duration", f"{seconds}s", "--timeout", "10s", "--script", str(SCRIPT)]
    command = [*pinned, *how, url, "--", str(requests)]
    output = subprocess.run(command, check=True, text=True, capture_output=True, timeout=seconds + 30).stdout
    found = json.loads(output.strip().rpartition("\n")[2])
    rate = found["requests"] / found["microseconds"] * 1e6
    return Load(rate, found["failed"], found["p50"], found["p99"])


def write(path: Path, infer_requests: InferRequests) -> Path:
    given = "".join(f"{name}: {value}\r\n" for name, value in infer_requests.headers.items())
    with path.open("wb") as file:
        for body in infer_requests.bodies:
            head = (
                f"POST {infer_requests.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n{given}\r\n"
            )
            request = head.encode() + body
            file.write(f"{len(request)}\n".encode() + request)
    return path
