"""Where servers are tried: a namespace, valid and broken models, and a server under load."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from minio import Minio

from tests.faults.s3proxy import Proxy
from tests.kit import buckets
from tests.kit.inference import Array, infer_requests, judge
from tests.kit.jobs import digits, digits_file
from tests.kit.kubectl import Object, apply, kubectl
from tests.kit.load import Load
from tests.kit.servers import Server
from tests.kit.trained_model import TrainedModel, train

NAME = "digits"
BUCKET = "faults-models"
REPLICAS = 2
DISTINCT = 64


@dataclass(frozen=True)
class Bed:
    namespace: str
    store: Minio
    proxy: Proxy
    server: Server
    network: TrainedModel
    source: Object
    folder: Path

    def load(self, server: Server | None = None, network: TrainedModel | None = None, **how: Any) -> Load:
        """Returns a load of requests to a server with its network; `options` are those of Load."""
        server, network = server or self.server, network or self.network
        batches = images(network.signature.inputs[0].shape)
        asked = infer_requests(server.name, network.names, batches)
        looks = judge({network.name: network.onnx}, batches)
        return Load(f"{server.url}{asked.path}", asked.bodies, asked.headers, looks, **how)


@contextmanager
def bed(namespace: str) -> Iterator[Bed]:
    """Makes a namespace and a server in it, and deletes them in the end."""
    kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait", timeout=300)
    apply(*buckets.namespace_with_credentials(namespace, *buckets.credentials()))
    store = buckets.connect()
    with tempfile.TemporaryDirectory() as temporary, Proxy() as proxy:
        folder = Path(temporary)
        data = digits_file(folder).parent
        network = train(digits(NAME, training__epochs=2, training__callbacks=None), data, folder / "trained")
        source = network.put(store, BUCKET, NAME)
        server = Server(namespace, NAME)
        server.apply(source, replicas=REPLICAS, storage=storage(proxy))
        server.wait_ready(source["sha256"])
        yield Bed(namespace, store, proxy, server, network, source, folder)
    kubectl("delete", "namespace", namespace, "--wait=false")


def storage(proxy: Proxy) -> Object:
    """Returns the storage of a server that reaches it through a proxy."""
    return {"endpoint": proxy.url, "secretRef": {"name": buckets.SECRET}}


def images(shape: Sequence[int]) -> list[Array]:
    """Returns noise as images."""
    drawn = np.random.default_rng(0).integers(0, 256, (DISTINCT, 1, *shape))
    return [*drawn.astype(np.float32)]
