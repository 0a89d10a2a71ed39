"""A server as a process of its own, with its model in a small S3 service."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV
from epochal_api.signature import Signature

from tests.kit.models import digest
from tests.kit.ports import hold, port_of
from tests.kit.s3_server import Service

START_SECONDS = 30.0
STOP_SECONDS = 40.0
CONFIG = "server.json"


@dataclass
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Process:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int
    metrics_port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> str:
        return (self.folder / "stderr").read_text()

    def access_log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "stdout").read_text().splitlines()]

    def ask(
        self, path: str, body: bytes | Any = None, headers: Mapping[str, str] | None = None, method: str | None = None
    ) -> Answer:
        """Returns the answer to a request; a body that is not bytes is sent as JSON."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, dict(headers or {}), method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return Answer(response.status, response.read(), dict(response.headers))
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read(), dict(error.headers))

    def connection(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=30)

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as response:
            return bytes(response.read()).decode()

    def why_not(self) -> str | None:
        """Returns the reason why the server is not ready; None if it is."""
        try:
            answer = self.ask("/v2/health/ready")
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            return f"it does not answer: {error}"
        return None if answer.status == 200 else answer.json["error"]

    def wait(self, why_not: str | None = None, seconds: float = START_SECONDS) -> None:
        """Waits until the server is ready, or gives this reason why it is not."""
        until = time.monotonic() + seconds
        while (found := self.why_not()) != why_not and not (why_not and found and why_not in found):
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < until, f"{found}: {self.log()}"
            time.sleep(0.02)

    def listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=START_SECONDS).close()
        except ConnectionRefusedError:
            return False
        return True

    def configure(self, config: Mapping[str, Any]) -> None:
        """Writes the configuration that the server waits for."""
        (self.folder / CONFIG).write_text(json.dumps(config))

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self) -> int:
        return self.process.wait(STOP_SECONDS)


def put(service: Service, key: str, data: bytes) -> None:
    service.put(key, data)


def stored(
    service: Service,
    model: bytes,
    signature: Signature | bytes | None = None,
    check: bytes | None = None,
    folder: str = "m/",
) -> dict[str, Any]:
    """Puts a model into a bucket, and returns the server's configuration for it."""
    put(service, f"{folder}model.onnx", model)
    if signature is not None:
        content = signature if isinstance(signature, bytes) else signature.model_dump_json().encode()
        put(service, f"{folder}signature.json", content)
    if check is not None:
        put(service, f"{folder}check.npz", check)
    return {
        "name": "digits",
        "namespace": "vision",
        "source": {"uri": f"s3://bucket/{folder}model.onnx", "sha256": digest(model)},
        "storage": {"endpoint": service.endpoint},
    }


@contextmanager
def serving(folder: Path, config: Mapping[str, Any] | None, *, stay: float | None = None) -> Iterator[Process]:
    """Runs a server, which may still be starting.

    Args:
        folder: A folder for its files: its model in `model`, keys in `auth`, a certificate in `tls`.
        config: Its configuration; None if it comes later, by `configure`.
        stay: Seconds for which it accepts requests after SIGTERM; None for its default.
    """
    if config is None:
        os.mkfifo(folder / CONFIG)
    else:
        (folder / CONFIG).write_text(json.dumps(config))
    (folder / "model").mkdir(exist_ok=True)
    holding = hold(), hold()
    port, metrics_port = map(port_of, holding)
    options = {"config": folder / CONFIG, "host": "127.0.0.1", "port": port, "metrics-port": metrics_port}
    options |= {name: folder / name for name in ("model", "auth", "tls")}
    if stay is not None:
        options["stay"] = stay
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as error:
        process = subprocess.Popen(
            [sys.executable, "-m", "epochal_server", *(f"--{name}={value}" for name, value in options.items())],
            stdout=out,
            stderr=error,
            env=os.environ | {ACCESS_KEY_ENV: "access-key", SECRET_KEY_ENV: "secret-key"},
        )
        try:
            yield Process(process, port, metrics_port, folder)
        finally:
            process.kill()
            process.wait()
            for item in holding:
                item.close()
