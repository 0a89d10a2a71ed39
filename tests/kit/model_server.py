"""A server of a model as a process, on the loopback, with a storage beside it that holds the model."""

import hashlib
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV

from tests.kit.ports import hold, port_of
from tests.kit.s3_server import Service

START_SECONDS = 60
STOP_SECONDS = 60
FOLDER = "digits"
"""Where the model lies in its bucket."""


@contextmanager
def serving(
    folder: Path, model: bytes, signature: bytes, *, keys: Mapping[str, str] | None = None, **told: Any
) -> Iterator[str]:
    """Runs a server until it is left.

    Args:
        folder: An empty folder for what a pod's volumes hold.
        model: The model, as ONNX.
        signature: What stands beside it.
        keys: Bearer keys, if it asks for any.
        told: What else the operator would tell it, as in a ServerConfig.

    Yields:
        Its address.
    """
    storage = Service()
    for name, content in (("model.onnx", model), ("signature.json", signature)):
        storage.objects[f"{FOLDER}/{name}"] = content
        storage.etags[f"{FOLDER}/{name}"] = hashlib.md5(content, usedforsecurity=False).hexdigest()
    source = {"uri": f"s3://bucket/{FOLDER}/model.onnx", "sha256": hashlib.sha256(model).hexdigest()}
    config = {
        "name": "digits",
        "namespace": "vision",
        "source": source,
        "storage": {"endpoint": storage.endpoint},
        "auth": keys is not None,
        **told,
    }
    (folder / "server.json").write_text(json.dumps(config))
    for name in ("model", "auth"):
        (folder / name).mkdir()
    for name, key in (keys or {}).items():
        (folder / "auth" / name).write_text(key)
    holding = hold(), hold()
    port, metrics = map(port_of, holding)
    arguments = [f"--config={folder / 'server.json'}", f"--model={folder / 'model'}", f"--auth={folder / 'auth'}"]
    address = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "epochal_server",
                "--host=127.0.0.1",
                f"--port={port}",
                f"--metrics-port={metrics}",
                *arguments,
            ],
            env=os.environ | {ACCESS_KEY_ENV: "reader", SECRET_KEY_ENV: "not-a-secret"},
            stdout=log,
            stderr=log,
        )
    try:
        _wait(process, address, folder / "log")
        yield address
    finally:
        process.kill()
        process.wait(STOP_SECONDS)
        storage.stop()
        for one in holding:
            one.close()


def ask(
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    context: ssl.SSLContext | None = None,
) -> tuple[int, Any]:
    """Returns the status and the content of a response, read if it is JSON: to GET, or to POST with a body.

    Args:
        url: What is asked.
        body: The body of a POST.
        headers: Headers beside those that there are anyway.
        context: Whose certificates are trusted; None for those that this machine trusts.
    """
    # As plain text, where urllib would call it a form.
    request = urllib.request.Request(url, body, {"Content-Type": "text/plain", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=30, context=context) as response:
            return response.status, _read(response)
    except HTTPError as error:
        with error:
            return error.code, _read(error)


def _read(response: Any) -> Any:
    content = response.read()
    return json.loads(content) if response.headers.get_content_type() == "application/json" else content


def _wait(process: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/v2/health/ready"):
                return
        except HTTPError as error:
            error.close()
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"the server did not become ready:\n{log.read_text()}")
