"""A model's server as a process on the loopback, which serves a model that lies in a folder."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

START_SECONDS = 60
STOP_SECONDS = 30


def free_port() -> int:
    """Returns a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def ask(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """Returns the status and the content of a response, read if it is JSON: to GET, or to POST with a body."""
    # In text/plain, for urllib would call it a form, and nothing is what a client may well say.
    sent = {"Content-Type": "text/plain", **(headers or {})}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, sent), timeout=30) as response:
            return response.status, _read(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _read(error)


def _read(response: Any) -> Any:
    content = response.read()
    return json.loads(content) if response.headers.get_content_type() == "application/json" else content


@contextmanager
def serving(folder: Path, log: Path, **config: Any) -> Iterator[str]:
    """Serves a model, and yields where: http://HOST:PORT.

    Args:
        folder: Holds the model, model.onnx unless `path` says otherwise, its signature and its check.
        log: File for what the server logs.
        **config: Fields of ServerConfig.
    """
    told = {
        "name": "digits",
        "namespace": "vision",
        "source": {"uri": "s3://none/model.onnx", "sha256": "0" * 64, "model": "Last"},
        "storage": {"endpoint": "http://127.0.0.1:9"},
        "path": "model.onnx",
    }
    file = log.with_suffix(".json")
    file.write_text(json.dumps(told | config), encoding="utf-8")
    port = free_port()
    arguments = [f"--config={file}", "--host=127.0.0.1", f"--port={port}", "--metrics-port=0", f"--model={folder}"]
    with log.open("wb") as output:
        server = subprocess.Popen([sys.executable, "-m", "epochal_server", *arguments], stdout=output, stderr=output)
    try:
        _wait(server, f"http://127.0.0.1:{port}", log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        try:
            code = server.wait(STOP_SECONDS)
        finally:
            server.kill()
    assert code == 0, log.read_text(encoding="utf-8")


def _wait(server: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with suppress(OSError):
            if ask(f"{url}/v2/health/ready")[0] == HTTPStatus.OK:
                return
        assert server.poll() is None, log.read_text(encoding="utf-8")
        assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
        time.sleep(0.05)
