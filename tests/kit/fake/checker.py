"""A fake checker on the loopback, with the shapes of a few layers and without Keras.

    with FakeChecker() as checker:
        config = Config(checker=checker.address, …)
        checker.delay = 3  # seconds until it answers

A test that sets `answer`, `status` or `delay` makes it answer anything.
"""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import prod
from typing import Any, Self

from epochal_api.catalogue.classes import document
from epochal_api.checker import CATALOGUE_PATH, CHECK_PATH

Object = dict[str, Any]
DENSE_TEXT = "Just your regular densely-connected NN layer."


class FakeChecker:
    """A fake checker while it is entered.

    Attributes:
        answer: What it answers in place of shapes: JSON values or bytes.
        status: Its HTTP status.
        headers: More headers of its answers.
        delay: Seconds until it answers.
        gate: It answers while this is set.
        asked: The questions that it got.
        heard: The headers of all requests.
    """

    def __init__(self) -> None:
        self.answer: Any = None
        self.status, self.delay = 200, 0.0
        self.gate = threading.Event()
        self.gate.set()
        self.headers: dict[str, str] = {}
        self.asked: list[Object] = []
        self.heard: list[dict[str, str]] = []
        self.catalogues = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def address(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()

    def respond(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Return status and content of the answer to a request."""
        self.heard.append(headers)
        if path == CHECK_PATH:
            self.asked.append(json.loads(body))
        elif path == CATALOGUE_PATH:
            self.catalogues += 1
        time.sleep(self.delay)
        self.gate.wait(30)
        if self.answer is not None:
            return self.status, self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
        found: Object = {"error": "not found"}
        if path == CATALOGUE_PATH:
            found = {
                "modules": {"keras.layers": {**document()["modules"]["keras.layers"], "docs": {"Dense": DENSE_TEXT}}}
            }
        elif path == CHECK_PATH:
            found = answer_to(json.loads(body))
        return self.status, json.dumps(found).encode()


def answer_to(question: Object) -> Object:
    """Return the answer to a question: the layers follow one another, unless they name their inputs."""
    network = question["network"]
    inputs = network.get("inputs") or [{"name": "input", **network.get("input", {})}]
    shapes: dict[str, list[int] | None] = {each.get("name", "input"): each["shape"] for each in inputs}
    last = inputs[-1].get("name", "input")
    layers = []
    for index, layer in enumerate(network["layers"]):
        kind, name = layer.get("layer", ""), layer.get("name") or f"{layer.get('layer', 'layer').lower()}_{index}"
        given = layer.get("inputs") or [last]
        found: Object = {"index": index, "layer": kind, "name": name}
        shape = shapes.get(given[0] if isinstance(given, list) else given)
        shapes[name] = None
        if shape is not None:
            try:
                shapes[name], parameters = _output(kind, layer, shape)
                found |= {"outputs": [shapes[name]], "parameters": parameters}
            except ValueError as error:
                found["error"] = f"spec.network.layers[{index}] ({kind}, '{name}') got {shape}: {error}"
        last = name
        layers.append(found)
    known = [layer.get("parameters", 0) for layer in layers]
    return {"image": "fake", "layers": layers, "errors": [], "parameters": sum(known), "built": len(layers)}


def _output(kind: str, layer: Object, shape: list[int]) -> tuple[list[int], int]:
    """Return the shape and the number of parameters of a layer.

    Raises:
        ValueError: If it cannot have this input.
    """
    if kind == "Dense":
        return [*shape[:-1], layer["units"]], (shape[-1] + 1) * layer["units"]
    if kind == "Flatten":
        return [prod(shape)], 0
    if kind == "Conv2D":
        size = layer["kernel_size"]
        if any(axis < size for axis in shape[:2]):
            raise ValueError("Computed output size would be negative.")
        parameters = (size * size * shape[2] + 1) * layer["filters"]
        return [shape[0] - size + 1, shape[1] - size + 1, layer["filters"]], parameters
    if kind == "MaxPooling2D":
        size = layer.get("pool_size", 2)
        return [shape[0] // size, shape[1] // size, shape[2]], 0
    return shape, 4 * shape[-1] if kind == "BatchNormalization" else 0


def _handler(checker: FakeChecker) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._respond(b"")

        def do_POST(self) -> None:
            self._respond(self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, *_: object) -> None:
            pass

        def _respond(self, body: bytes) -> None:
            status, content = checker.respond(self.path, body, dict(self.headers))
            try:
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **checker.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
            except OSError:  # the client has left
                self.close_connection = True

    return Handler
