"""All routes of Studio, for tests of the rules that each of them keeps."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from epochal_studio.app import make_app
from epochal_studio.config import Config

_STORAGE = "?namespace=vision&secret=keys"
_QUERIES = {
    "/api/stream": "?namespace=vision",
    "/api/storage": "?namespace=vision",
    "/api/import": "?name=flow.json",
    "/api/compare": "?run=TrainingJob/vision/mnist",
    "/api/buckets": _STORAGE,
    "/api/buckets/{bucket}": _STORAGE,
    "/api/buckets/{bucket}/preview": f"{_STORAGE}&key=mnist.npz",
    "/api/buckets/{bucket}/object": f"{_STORAGE}&key=mnist.npz",
}
_RAW = {
    "/api/buckets/{bucket}/object": "application/octet-stream",
    "/api/import": "application/octet-stream",
    "/api/servers/{namespace}/{name}/predict": "image/png",
}
"""Content types of the bodies that are no JSON."""
_VALUES = {"kind": "TrainingJob", "namespace": "vision", "name": "mnist", "module": "keras.layers", "class": "Dense"}
_DOCUMENT = "apiVersion: epochal.dev/v1alpha1\nkind: TrainingJob\nmetadata: {name: mnist}\nspec: {}\n"
_BODIES = {
    "check": {"yaml": _DOCUMENT},
    "jobs": {"namespace": "vision", "yaml": _DOCUMENT},
    "actions": {"action": "suspend", "resourceVersion": "1"},
    "clone": {"name": "copy"},
    "deployment": {"name": "digits"},
    "export": {"yaml": _DOCUMENT, "target": "keras"},
    "session": {"token": "token-of-eve-5555555555"},
    "storage": {
        "namespace": "vision",
        "secret": "minio",
        "endpoint": "http://minio:9000",
        "accessKey": "access-key",
        "secretKey": "secret-key-of-ada",
    },
}
"""A valid body of each route that has one, by the end of its path."""


class Route(NamedTuple):
    """A route.

    Args:
        method: The HTTP method.
        path: A path with a query that the route answers.
        template: Its path with the names of variables.
    """

    method: str
    path: str
    template: str

    @property
    def is_api(self) -> bool:
        return self.template.startswith("/api/")

    @property
    def is_change(self) -> bool:
        return self.method not in {"GET", "HEAD"}

    @property
    def is_json(self) -> bool:
        """Whether its body is JSON."""
        return self.template not in _RAW

    @property
    def headers(self) -> dict[str, str]:
        """Headers of a body that is no JSON."""
        return {} if self.is_json else {"Content-Type": _RAW[self.template], "Epochal-Studio": "1"}

    @property
    def body(self) -> bytes | None:
        """A valid body, for a route that has one."""
        if not self.is_json:
            return b"content"
        if self.method != "POST":
            return None
        document: dict[str, Any] = _BODIES[self.template.rpartition("/")[2]]
        return json.dumps(document).encode()

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


def every_route() -> list[Route]:
    """Return all routes of the application."""
    app = make_app(Config(api_server="http://127.0.0.1:1", pages=Path("/nonexistent")))
    found = []
    for route in app.router.routes():
        template = route.resource.canonical if route.resource else ""
        path = re.sub(r"{(\w+)[^}]*}", lambda name: _VALUES.get(name[1], "text"), template)
        query = _QUERIES.get(template, "")
        query = "?uid=1" if route.method == "DELETE" and template.startswith("/api/runs") else query
        found.append(Route(route.method, path + query, template))
    return found


ROUTES = every_route()
API = [route for route in ROUTES if route.is_api]
SIGNED_IN = [route for route in API if (route.template, route.is_change) != ("/api/session", True)]
"""Routes that need a session."""
CHANGES = [route for route in API if route.is_change]
PROBES = ("/healthz", "/readyz")
HOSTED = [route for route in ROUTES if route.template not in PROBES]
"""Routes that ask for the host."""
