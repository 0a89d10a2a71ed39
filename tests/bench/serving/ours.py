"""Our server, outside of a cluster."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from epochal_api.modelserver.config import Runtime, ServerConfig, Source, StorageConfig
from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV
from epochal_api.signature import CHECK, SIGNATURE

from tests.bench.serving.processes import free_port, serving
from tests.kit.s3_server import Service
from tests.kit.serving import put
from tests.kit.trained import ONNX, Trained

FILES: dict[Runtime, str] = {"ONNX": ONNX, "Keras": "model.keras"}
KEYS = {ACCESS_KEY_ENV: "bench", SECRET_KEY_ENV: "bench-secret"}


@contextmanager
def server(trained: Trained, runtime: Runtime, port: int, folder: Path) -> Iterator[int]:
    """Starts epochal-server with a network, which it fetches from a bucket.

    Args:
        trained: The network.
        runtime: What computes.
        port: Where it listens, on the loopback.
        folder: Takes its configuration and its log.

    Yields:
        Its process.
    """
    file = FILES[runtime]
    with ExitStack() as stack:
        with _bucket(trained, file) as endpoint:  # which is not needed any more once the server is ready
            config = ServerConfig(
                name=trained.name,
                namespace="bench",
                runtime=runtime,
                source=Source(uri=f"s3://bucket/{file}", sha256=trained.sha256(file)),
                storage=StorageConfig(endpoint=endpoint),
            )
            path = folder / f"{trained.name}-{runtime}.json"
            path.write_text(config.model_dump_json())
            command = [sys.executable, "-m", "epochal_server", "--config", str(path), "--host", "127.0.0.1"]
            options = ["--port", str(port), "--metrics-port", str(free_port()), "--model", str(folder)]
            pid = stack.enter_context(serving([*command, *options], port, path.with_suffix(".log"), KEYS))
        yield pid


@contextmanager
def _bucket(trained: Trained, file: str) -> Iterator[str]:
    """Serves a network's files from a bucket, and yields the address."""
    service = Service()
    try:
        for name in (file, SIGNATURE, CHECK):
            put(service, name, (trained.folder / name).read_bytes())
        yield service.endpoint
    finally:
        service.stop()
