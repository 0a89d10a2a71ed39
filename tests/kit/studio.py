"""Studio as a process on the loopback, with a fake API server of users and an S3 service in memory beside it."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kit.fake.fields import Object
from tests.kit.fake.guarded_server import GuardedApiServer, User
from tests.kit.fake.resources import Selector
from tests.kit.fake.thread import ServerThread
from tests.kit.ports import hold, port_of
from tests.kit.s3_server import Service
from tests.kit.studio_process import StudioProcess

PAGES = Path(__file__).parents[2] / "studio" / "dist"
NAMESPACE = "vision"
OTHER_NAMESPACE = "speech"
EDITOR, VIEWER, ADMINISTRATOR = "token-of-ada", "token-of-victor", "token-of-root"
WRITES = ("create", "update", "patch", "delete")
KINDS = ("trainingjobs", "experiments", "modelservers")
_PROXIES = {(verb, f"{resource}/proxy") for verb in ("get", "create") for resource in ("services", "pods")}
ONLY_VIEW = {
    *((verb, kind) for verb in WRITES for kind in KINDS),
    *((verb, "secrets") for verb in ("get", "list", *WRITES)),
    *_PROXIES,
}
USERS = {
    EDITOR: User({NAMESPACE}, name="ada"),
    VIEWER: User({NAMESPACE}, ONLY_VIEW, name="victor"),
    ADMINISTRATOR: User({"", NAMESPACE, OTHER_NAMESPACE}, name="root"),
}
"""Users by their tokens. Only the administrator may list namespaces."""
BUCKET = "bucket"
SECRET = "credentials"


@dataclass(frozen=True)
class Studio:
    """A running Studio.

    Args:
        url: Its address.
        cluster: The API server.
        storage: The S3 service, with the bucket `bucket`.
        log: The file of its log.
        process: Its process.
    """

    url: str
    cluster: ServerThread
    storage: Service
    log: Path
    process: StudioProcess

    @property
    def server(self) -> GuardedApiServer:
        """The API server with its users and logs."""
        assert isinstance(self.cluster.server, GuardedApiServer)
        return self.cluster.server

    def put(self, resource: str, name: str, spec: Object, *, namespace: str = NAMESPACE, **metadata: Any) -> Object:
        """Creates an object and returns it."""
        document = {"metadata": {"name": name, **metadata}, "spec": spec}
        self.cluster.call(self.cluster.objects.create, resource, namespace, document)
        return self.get(resource, name, namespace=namespace)

    def get(self, resource: str, name: str, *, namespace: str = NAMESPACE) -> Object:
        """Returns an object."""
        found: Object = self.cluster.call(self.cluster.objects.get, resource, namespace, name)
        return found

    def names(self, resource: str) -> list[str]:
        """Returns the names of the objects in the namespace."""
        found = self.cluster.call(self.cluster.objects.list, resource, Selector(NAMESPACE))
        return [item["metadata"]["name"] for item in found]

    def delete(self, resource: str, name: str) -> None:
        """Deletes an object."""
        self.cluster.call(self.cluster.objects.delete, resource, NAMESPACE, name)

    def patch_spec(self, resource: str, name: str, **fields: Any) -> None:
        """Changes fields of a spec, as another user does."""
        self.cluster.call(self.cluster.objects.patch, resource, NAMESPACE, name, {"spec": fields})

    def set_status(self, resource: str, name: str, **status: Any) -> None:
        """Changes fields of a status, as the operator does."""
        self.cluster.call(
            self.cluster.objects.patch, resource, NAMESPACE, name, {"status": status}, subresource="status"
        )

    def put_secret(self) -> None:
        """Creates the Secret with the keys of the storage."""
        keys = {"accessKey": "YWNjZXNzLWtleQ==", "secretKey": "c2VjcmV0LWtleQ=="}  # access-key, secret-key
        document = {"metadata": {"name": SECRET}, "type": "Opaque", "data": keys}
        self.cluster.call(self.cluster.objects.create, "secrets", NAMESPACE, document)

    def put_results(self, resource: str, name: str, files: Mapping[str, bytes]) -> None:
        """Stores files in the results folder of an object."""
        job = self.get(resource, name)
        for path, content in files.items():
            self.storage.put(f"{NAMESPACE}/{name}/{job['metadata']['uid']}/{path}", content)


@contextmanager
def studio(folder: Path, *, pages: Path = PAGES, **variables: str) -> Iterator[Studio]:
    """Runs Studio, and yields it when it answers.

    Args:
        folder: Folder of its log.
        pages: The built pages.
        variables: More variables EPOCHAL_STUDIO_…, by the rest of their names, such as CHECKER with the address of a
            FakeChecker (tests/kit/fake/checker.py) or of the checker itself.
    """
    assert (pages / "index.html").is_file(), f"there is no index.html in {pages}: run make studio"
    server = GuardedApiServer(NAMESPACE, OTHER_NAMESPACE)
    server.users.update(USERS)
    cluster, storage = ServerThread(server), Service()
    cluster.start()
    held = hold()
    port, log = port_of(held), folder / "studio.log"
    settings = {
        "LISTEN": f"127.0.0.1:{port}",
        "API_SERVER": server.address,
        "DEFAULT_ENDPOINT": storage.endpoint,
        "PAGES": str(pages),
        **variables,
    }
    environment = os.environ | {f"EPOCHAL_STUDIO_{name}": value for name, value in settings.items()}
    url = f"http://localhost:{port}"
    process = StudioProcess(url, environment, log)
    with held:
        try:
            process.start()
            yield Studio(url, cluster, storage, log, process)
        finally:
            process.stop()
            storage.stop()
            cluster.stop()
