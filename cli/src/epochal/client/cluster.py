"""A client of a cluster, with the rights of the user: objects, logs of pods, requests to Services, and rights."""

from collections.abc import Generator, Mapping
from urllib.parse import quote

from epochal.client.failures import refused
from epochal.client.kinds import ACCESS_REVIEWS, PODS, SERVICES, Kind, checked_name
from epochal.client.lines import lines
from epochal.client.object_client import Object, ObjectClient
from epochal.client.pages import describe
from epochal.client.transport import READ_SECONDS, Response

MAX_LOG_LINE = 2**16
"""Maximum bytes of a log line. `Cluster.log` yields a longer line in parts."""


class Cluster(ObjectClient):
    """A client of a cluster, with the rights of the user.

    It has the requests of ObjectClient for objects, and adds requests for logs, to Services and about rights. The
    arguments are those of ObjectClient.
    """

    @property
    def address(self) -> str:
        """Address of the API server."""
        return self._transport.address

    def read(self, path: str) -> Object:
        """Return the object at a path of the API server, such as `/version`."""
        return self._transport.json(f"read {path}", "GET", path)

    def log(
        self,
        pod: str,
        *,
        follow: bool,
        container: str | None = None,
        namespace: str | None = None,
        timestamps: bool = False,
        since: str = "",
        limits: Mapping[str, int] | None = None,
    ) -> Generator[str, None, None]:
        """Yield the lines of a container's log.

        Args:
            pod: Name of the pod.
            follow: Whether to wait for more lines until the container ends.
            container: Name of the container. Default: the only container of the pod.
            namespace: Namespace of the pod. Default: `namespace` of the Cluster.
            timestamps: Whether each line begins with its time (RFC 3339) and a space.
            since: Yield only lines from this time (RFC 3339) on. Default: all lines.
            limits: The query parameters tailLines and limitBytes. Default: no limits.
        """
        place = self._place(PODS, namespace)
        query: dict[str, str | int] = {**(limits or {}), "follow": follow, "timestamps": timestamps}
        query |= {name: value for name, value in (("container", container), ("sinceTime", since)) if value}
        path, seconds = PODS.url_path(place, pod, "log"), None if follow else READ_SECONDS
        with self._transport.open("GET", path, query, headers={"Accept": "*/*"}, read_seconds=seconds) as answer:
            if answer.status >= 400:  # noqa: PLR2004 - HTTP's errors
                raise refused(answer.status, answer.read(MAX_LOG_LINE), describe("read the log of", PODS, place, pod))
            for line in lines(answer, MAX_LOG_LINE):
                yield line.decode(errors="replace")

    def proxy(
        self,
        service: str,
        port: str | int,
        method: str = "GET",
        path: str = "/",
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        namespace: str | None = None,
        scheme: str = "",
        seconds: float = 60,
    ) -> Response:
        """Send an HTTP request to a Service through the API server's proxy, and return the answer.

        The API server removes the header Authorization from the request.

        Args:
            service: Name of the Service.
            port: Name or number of its port.
            method: The HTTP method.
            path: Path at the Service. It may include a query string.
            body: The request body.
            headers: Headers of the request.
            namespace: Namespace of the Service. Default: `namespace` of the Cluster.
            scheme: "https" for a port with TLS; "" for plain HTTP.
            seconds: Seconds to wait for the answer.
        """
        place = self._place(SERVICES, namespace)
        target = ":".join([*([scheme] if scheme else []), checked_name("Service", service), quote(str(port), safe="")])
        root = f"{SERVICES.url_path(place)}/{target}/proxy/"
        action = describe(f"{method} /{path.lstrip('/')} of", SERVICES, place, service)
        return self._transport.request(
            action, method, root + path.lstrip("/"), body=body, headers=headers, read_seconds=seconds
        )

    def can(
        self, verb: str, kind: Kind, *, name: str = "", namespace: str | None = None, subresource: str = ""
    ) -> bool:
        """Return whether the user has a right, according to a SelfSubjectAccessReview of the API server.

        Args:
            verb: Such as get, list, create or patch.
            kind: Kind of the objects.
            name: Name of the object. Default: all objects of the kind.
            namespace: Their namespace. Default: `namespace` of the Cluster.
            subresource: Such as log or proxy.
        """
        attributes = {
            "verb": verb,
            "group": kind.group,
            "resource": kind.plural,
            "subresource": subresource,
            "name": name,
            "namespace": self._place(kind, namespace),
        }
        spec = {"resourceAttributes": attributes}
        review = {"apiVersion": ACCESS_REVIEWS.api_version, "kind": ACCESS_REVIEWS.name, "spec": spec}
        answer = self._transport.json("review your rights", "POST", ACCESS_REVIEWS.url_path(), body=review)
        return bool((answer.get("status") or {}).get("allowed"))
