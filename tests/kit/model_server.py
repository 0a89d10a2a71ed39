"""A server of a model as a process, on the loopback, with a storage beside it that holds the model."""

import json
import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from tests.kit import serving as server_process
from tests.kit.s3_server import Service

START_SECONDS = 180


@contextmanager
def serving(
    folder: Path,
    model: bytes,
    signature: bytes,
    *,
    check: bytes | None = None,
    keys: Mapping[str, str] | None = None,
    **config_fields: Any,
) -> Iterator[str]:
    """Runs a server of an ONNX model with bearer keys and other fields of a ServerConfig; yields its address."""
    with running(folder, model, signature, check=check, keys=keys, **config_fields) as process:
        yield process.url


@contextmanager
def running(
    folder: Path,
    model: bytes,
    signature: bytes,
    *,
    check: bytes | None = None,
    keys: Mapping[str, str] | None = None,
    **config_fields: Any,
) -> Iterator[server_process.Process]:
    """Runs a server as `serving` does, and yields its process when it is ready."""
    storage = Service()
    config = server_process.stored(storage, model, signature, check) | {"auth": keys is not None} | config_fields
    (folder / "auth").mkdir()
    for name, key in (keys or {}).items():
        (folder / "auth" / name).write_text(key)
    try:
        with server_process.serving(folder, config) as process:
            process.wait(seconds=START_SECONDS)
            yield process
    finally:
        storage.stop()


def ask(
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    context: ssl.SSLContext | None = None,
) -> tuple[int, Any]:
    """Returns the status and the content (parsed, if JSON) of a response to GET, or to POST if there is a body."""
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
