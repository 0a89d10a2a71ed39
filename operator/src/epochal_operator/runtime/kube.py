"""The API server: every request of the operator that is not a watch goes through here.

Objects are the JSON of the API as plain dictionaries. Each request has a finite time, each error a type, and whether a
request is tried again is decided here alone. All of them may be: a second try of a write is refused or changes nothing,
because writes carry a name, a uid or a resourceVersion. Whoever tries again himself asks for one try (`once`).
"""

import asyncio
import json
import logging
import random
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from os import environ
from typing import Any, NamedTuple, Self

import aiohttp
from epochal_api.trainingjob import API_VERSION, GROUP, KIND, PLURAL, VERSION
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from epochal_operator.runtime.reader import read
from epochal_operator.runtime.undeclared import declared, is_undeclared

Object = dict[str, Any]

LEADER_MANAGER = "epochal"
"""Field manager of what the leader writes."""
PROGRESS_MANAGER = "epochal-progress"
"""Field manager of the part of the status that comes from reports."""

ALREADY_EXISTS = "AlreadyExists"
"""Reason of a Conflict: an object of that name is there."""

REQUEST_SECONDS = 10.0
CONNECT_SECONDS = 3.0
WATCH_SECONDS = 240
"""Less than etcd keeps old versions for, by which a watch goes on where another one ended."""
TRIES = 3
RETRY_SECONDS = 0.2
MAX_RETRY_SECONDS = 2.0
PAGE = 8
"""Objects per request of a list: a page is in memory as a whole, twice for a moment, one of ours and one of kopf's.
etcd takes 1.5 MiB of each, and where that is a <, JSON has six bytes for it."""
UNDECLARED = 16
"""How often fields of a status are left out that the CRD does not declare: of each object, one is told at a time."""
LONG_BYTES = 256 * 1024
"""Size of an answer from which on it is read in another thread."""

# With the charset, the client sends a text as it is.
_APPLY = "application/apply-patch+yaml; charset=utf-8"
_MERGE = "application/merge-patch+json"
_JSON = "application/json"
_PAIR = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


_log = logging.getLogger(__name__)


class ApiError(Exception):
    """The API server did not do what was asked.

    Args:
        status: HTTP status, or 0 where no answer came.
        reason: The server's reason in one word, such as AlreadyExists.
        message: The server's message.
        retry_after: Seconds that the server wants to be left alone.
    """

    def __init__(self, status: int, reason: str, message: str, retry_after: float = 0) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after


class NotFound(ApiError):
    """There is no such object (404)."""


class Conflict(ApiError):
    """The object exists already, is another one than expected, or has changed meanwhile (409)."""


class Forbidden(ApiError):
    """Access rules, a quota or an admission policy forbid it (403)."""


class Invalid(ApiError):
    """The object breaks the API's rules (400, 413, 422)."""


class Unavailable(ApiError):
    """No answer in time, too much to do (429, 5xx), or it cannot tell yet who asks (401): later it may work."""


_ERRORS: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Unavailable,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: NotFound,
    413: Invalid,
    422: Invalid,
    429: Unavailable,
}


class Page(NamedTuple):
    """Some objects of one kind, as they were at one version of the store that is the same for all pages of a list.

    Args:
        items: The objects.
        resource_version: The version.
    """

    items: list[Object]
    resource_version: str


@dataclass(frozen=True)
class Identity:
    """Whom a token speaks for.

    Args:
        username: User name, such as system:serviceaccount:NAMESPACE:NAME.
        namespace: Namespace of the service account, or an empty string.
        pod_name: Pod that the token is bound to, or an empty string.
        pod_uid: That pod's uid, or an empty string.
    """

    username: str
    namespace: str
    pod_name: str
    pod_uid: str


class Kube:
    """A client of the API server.

    Args:
        client: Connected client of the kubernetes package.
        seconds_left: Returns for how many seconds a write that begins now may be under way; raises if it may not begin.
        tries: How often a request is made that gets no answer, or is put off.
        one_page: Held while a page of a list is read: that of the largest objects there can be takes a good part of the
            memory. Whoever lists has to take each at once and leave it, before the next is asked for.
        warned: Fields of which it was told that the installed CRD does not declare them.
    """

    def __init__(
        self,
        client: Any,
        seconds_left: Callable[[], float] | None = None,
        tries: int = TRIES,
        one_page: asyncio.Lock | None = None,
        warned: set[str] | None = None,
    ) -> None:
        self._client = client
        self._seconds_left = seconds_left
        self._tries = tries
        self._one_page = one_page or asyncio.Lock()
        self._warned = set() if warned is None else warned

    def fenced(self, seconds_left: Callable[[], float]) -> "Kube":
        """Returns the same client, whose writes are bound to a time: see the class."""
        return Kube(self._client, seconds_left, self._tries, self._one_page, self._warned)

    def once(self) -> "Kube":
        """Returns the same client, which makes each request once: for work that a queue does again later and later."""
        return Kube(self._client, self._seconds_left, 1, self._one_page, self._warned)

    @classmethod
    async def connect(cls) -> Self:
        """Connects with the pod's own service account, or outside of a cluster with KUBECONFIG (or ~/.kube/config)."""
        configuration = Configuration()
        if "KUBERNETES_SERVICE_HOST" in environ:
            config.load_incluster_config(client_configuration=configuration)
        else:
            await config.load_kube_config(client_configuration=configuration, persist_config=False)
        return cls(ApiClient(configuration))

    async def close(self) -> None:
        """Closes all connections."""
        await self._client.close()

    async def get_training_job(self, namespace: str, name: str) -> Object:
        """Returns a TrainingJob as JSON."""
        return await self._request("GET", _training_job(namespace, name))

    async def knows_training_jobs(self, namespace: str | None = None) -> bool:
        """Returns whether the API server serves TrainingJobs at all: whether their CRD is installed."""
        try:
            await self._request("GET", f"/apis/{GROUP}/{VERSION}{_scope(namespace)}/{PLURAL}", query={"limit": "1"})
        except NotFound:
            return False
        return True

    def list_training_jobs(self, namespace: str | None = None) -> AsyncIterator[Page]:
        """Yields the TrainingJobs of a namespace, or of all."""
        return self._list(f"/apis/{GROUP}/{VERSION}{_scope(namespace)}/{PLURAL}")

    async def delete_training_job(self, namespace: str, name: str, *, uid: str, resource_version: str) -> None:
        """Deletes a TrainingJob as read, and in the background all it owns; raises Conflict if it has changed since."""
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        body = {"propagationPolicy": "Background", "preconditions": preconditions}
        await self._request("DELETE", _training_job(namespace, name), body=body)

    async def apply_status(
        self, namespace: str, name: str, *, uid: str, manager: str, status: Object, resource_version: str | None = None
    ) -> Object:
        """Applies one manager's part of a TrainingJob's status, server-side.

        Fields that the manager applied before and now leaves out are removed; those of other managers stay. What the
        installed CRD does not declare is left out: it may be of an earlier version.

        Args:
            namespace: Namespace of the TrainingJob.
            name: Name of the TrainingJob.
            uid: Its uid; another object of that name is left alone (Conflict).
            manager: Field manager: LEADER_MANAGER or PROGRESS_MANAGER.
            status: All fields of this manager.
            resource_version: Version that the object must still have, if given (Conflict).

        Returns:
            The TrainingJob after it.
        """
        metadata = {"name": name, "namespace": namespace, "uid": uid}
        if resource_version is not None:
            metadata["resourceVersion"] = resource_version
        path, query = f"{_training_job(namespace, name)}/status", {"fieldManager": manager, "force": "true"}
        for left in range(UNDECLARED, -1, -1):
            body = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "status": status}
            try:
                return await self._request("PATCH", path, query=query, body=_yaml(body), content_type=_APPLY)
            except (Invalid, Unavailable) as error:
                status, fields = declared(status, error.message, ".status")
                if not fields or not left:
                    raise
            self._warn_of(fields)
        raise AssertionError("unreachable")

    def _warn_of(self, fields: list[str]) -> None:
        """Warns once of each field that the installed CRD does not declare."""
        for field in fields:
            if field not in self._warned:
                _log.warning(
                    "%s is left out of every TrainingJob, since their CRD does not declare it: it is of an earlier "
                    "version; upgrade the CRD before the operator",
                    field,
                )
        self._warned.update(fields)

    async def get_job(self, namespace: str, name: str) -> Object:
        """Returns a batch/v1 Job."""
        return await self._request("GET", _job(namespace, name))

    async def create_job(self, job: Object) -> Object:
        """Creates a batch/v1 Job; raises Conflict if one of that name exists, whoever it belongs to."""
        path = f"/apis/batch/v1{_scope(job['metadata']['namespace'])}/jobs"
        return await self._request("POST", path, query={"fieldManager": LEADER_MANAGER}, body=job)

    async def delete_job(self, namespace: str, name: str, *, uid: str, resource_version: str) -> None:
        """Deletes a Job as read, which stays until its pods are gone; raises Conflict if it has changed since."""
        body = {"propagationPolicy": "Foreground", "preconditions": {"uid": uid, "resourceVersion": resource_version}}
        await self._request("DELETE", _job(namespace, name), body=body)

    async def patch_job(
        self, namespace: str, name: str, *, uid: str, spec: Object | None = None, labels: Object | None = None
    ) -> Object:
        """Changes fields of a Job's spec (None removes one) or labels; raises Conflict if its uid is another one."""
        body = {"metadata": {"uid": uid, "labels": labels or {}}, "spec": spec or {}}
        query = {"fieldManager": LEADER_MANAGER}
        return await self._request("PATCH", _job(namespace, name), query=query, body=body, content_type=_MERGE)

    def list_jobs(self, selector: str, namespace: str | None = None) -> AsyncIterator[Page]:
        """Yields the batch/v1 Jobs with certain labels, of a namespace or of all."""
        return self._list(f"/apis/batch/v1{_scope(namespace)}/jobs", selector)

    def list_pods(self, selector: str, namespace: str | None = None) -> AsyncIterator[Page]:
        """Yields the pods with certain labels, of a namespace or of all."""
        return self._list(_pods(namespace), selector)

    async def get_pod(self, namespace: str, name: str) -> Object:
        """Returns a pod."""
        return await self._request("GET", f"{_pods(namespace)}/{_segment(name)}")

    async def create_event(self, event: Object) -> None:
        """Creates an events.k8s.io/v1 Event; one of that name that exists already is the same Event and stays."""
        path = f"/apis/events.k8s.io/v1{_scope(event['metadata']['namespace'])}/events"
        try:
            await self._request("POST", path, body=event)
        except Conflict as error:
            if error.reason != ALREADY_EXISTS:  # a quota that changed meanwhile is a Conflict too
                raise

    async def watch_events(self, fields: str, namespace: str | None = None) -> AsyncIterator[Object]:
        """Yields the events.k8s.io/v1 Events that a field selector names: those that there are, then every later one.

        It ends when the API server has forgotten where it was; then it is to be begun anew.
        """
        path, version = f"/apis/events.k8s.io/v1{_scope(namespace)}/events", ""
        async for page in self._list(path, fields=fields):
            version = page.resource_version
            for event in page.items:
                yield event
            del page
        while True:
            query = {"watch": "true", "fieldSelector": fields, "resourceVersion": version}
            async for told in self._stream(path, query | {"timeoutSeconds": str(WATCH_SECONDS)}):
                if told["type"] == "ERROR":
                    return
                version = told["object"]["metadata"]["resourceVersion"]
                if told["type"] != "DELETED":
                    yield told["object"]
            await asyncio.sleep(RETRY_SECONDS)

    async def review_token(self, token: str, audience: str) -> Identity | None:
        """Returns whom a token speaks for, or None if it is not valid for this audience."""
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [audience]},
        }
        answer = await self._request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", body=body)
        status = answer.get("status", {})
        if not status.get("authenticated") or audience not in status.get("audiences", []):
            return None
        user = status.get("user", {})
        username = user.get("username", "")
        extra = user.get("extra", {})
        parts = username.split(":")
        return Identity(
            username=username,
            namespace=parts[2] if parts[:2] == ["system", "serviceaccount"] and len(parts) == 4 else "",  # noqa: PLR2004
            pod_name=next(iter(extra.get("authentication.kubernetes.io/pod-name", [])), ""),
            pod_uid=next(iter(extra.get("authentication.kubernetes.io/pod-uid", [])), ""),
        )

    async def get_secret(self, namespace: str, name: str) -> Object:
        """Returns a Secret; its data is base64."""
        return await self._request("GET", f"/api/v1{_scope(namespace)}/secrets/{_segment(name)}")

    async def replace_secret(self, secret: Object) -> Object:
        """Replaces a Secret as read and changed; raises Conflict if it has changed since (metadata.resourceVersion)."""
        meta = secret["metadata"]
        path = f"/api/v1{_scope(meta['namespace'])}/secrets/{_segment(meta['name'])}"
        return await self._request("PUT", path, body=secret)

    async def get_lease(self, namespace: str, name: str) -> Object:
        """Returns a Lease."""
        return await self._request("GET", f"{_leases(namespace)}/{_segment(name)}")

    async def create_lease(self, lease: Object) -> Object:
        """Creates a Lease; raises Conflict if it exists."""
        return await self._request("POST", _leases(lease["metadata"]["namespace"]), body=lease)

    async def replace_lease(self, lease: Object) -> Object:
        """Replaces a Lease as read and changed; raises Conflict if it has changed since (metadata.resourceVersion)."""
        meta = lease["metadata"]
        return await self._request("PUT", f"{_leases(meta['namespace'])}/{_segment(meta['name'])}", body=lease)

    async def _list(self, path: str, selector: str | None = None, *, fields: str | None = None) -> AsyncIterator[Page]:
        selectors = {"labelSelector": selector, "fieldSelector": fields}
        query = {"limit": str(PAGE)} | {name: value for name, value in selectors.items() if value}
        while True:
            async with self._one_page:
                page = await self._request("GET", path, query=query)
            metadata = page["metadata"]
            yield Page(page.pop("items", None) or [], metadata["resourceVersion"])
            if not metadata.get("continue"):
                return
            query = query | {"continue": metadata["continue"]}

    async def _stream(self, path: str, query: dict[str, str]) -> AsyncIterator[Object]:
        """Yields what a watch tells until the API server ends it."""
        timeout = aiohttp.ClientTimeout(total=WATCH_SECONDS + REQUEST_SECONDS, sock_connect=CONNECT_SECONDS)
        request = await self._client.param_serialize(
            "GET",
            path,
            query_params=list(query.items()),
            header_params={"Accept": _JSON},
            auth_settings=["BearerToken"],
        )
        try:
            answer = await self._client.call_api(*request, _request_timeout=timeout)
            async with answer.response as response:
                if response.status != 200:  # noqa: PLR2004
                    raise _error(response.status, await response.read(), response.headers)
                async for line in response.content:
                    yield read(line)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            message = f"the API server broke off a watch of {path}: {error or type(error).__name__}"
            raise Unavailable(0, type(error).__name__, message) from error

    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Object | str | None = None,
        content_type: str = _JSON,
    ) -> Object:
        delay = RETRY_SECONDS
        for left in range(self._tries - 1, -1, -1):
            try:
                return await self._try(method, path, query or {}, body, content_type)
            except Unavailable as error:
                if not left or is_undeclared(error.message):
                    raise
                least = min(error.retry_after, MAX_RETRY_SECONDS)
            await asyncio.sleep(max(least, delay * random.uniform(0.5, 1)))  # noqa: S311 - jitter
            delay = min(2 * delay, MAX_RETRY_SECONDS)
        raise AssertionError("unreachable")

    async def _try(
        self, method: str, path: str, query: dict[str, str], body: Object | str | None, content_type: str
    ) -> Object:
        headers = {"Accept": _JSON, "Content-Type": content_type}
        request = await self._client.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        seconds = REQUEST_SECONDS
        if self._seconds_left is not None and method != "GET":
            seconds = min(seconds, self._seconds_left())
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)
        try:
            response = await self._client.call_api(*request, _request_timeout=timeout)
            text = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            message = f"the API server gave no answer to {method} {path}: {error or type(error).__name__}"
            raise Unavailable(0, type(error).__name__, message) from error
        if 200 <= response.status < 300:  # noqa: PLR2004
            # Whoever writes objects decides how long that takes.
            return _read(text) if len(text) <= LONG_BYTES else await asyncio.to_thread(_read, text)
        raise _error(response.status, text, response.headers)


def _read(text: bytes) -> Object:
    try:
        return dict(read(text))
    except (ValueError, TypeError):
        return {"message": text.decode(errors="replace")[:1024]}


def _error(status: int, text: bytes, headers: Mapping[str, str]) -> ApiError:
    answer = _read(text)
    kind = _ERRORS.get(status, Unavailable if status >= 500 else ApiError)  # noqa: PLR2004
    message = answer.get("message") or f"HTTP {status}"
    return kind(status, answer.get("reason") or "", message, _seconds(headers.get("Retry-After")))


def _yaml(document: Object) -> str:
    """Returns a document as JSON that is YAML, too: what JSON writes as two escapes stands there as it is."""
    return _PAIR.sub(lambda pair: str(json.loads(f'"{pair[0]}"')), json.dumps(document))


def _seconds(header: str | None) -> float:
    """Returns the seconds in a Retry-After, or 0 where there is none, or a date, which the API server never gives."""
    return float(header) if header and header.isdecimal() else 0


def _scope(namespace: str | None) -> str:
    return f"/namespaces/{_segment(namespace)}" if namespace else ""


def _training_job(namespace: str, name: str) -> str:
    return f"/apis/{GROUP}/{VERSION}{_scope(namespace)}/{PLURAL}/{_segment(name)}"


def _job(namespace: str, name: str) -> str:
    return f"/apis/batch/v1{_scope(namespace)}/jobs/{_segment(name)}"


def _pods(namespace: str | None) -> str:
    return f"/api/v1{_scope(namespace)}/pods"


def _leases(namespace: str) -> str:
    return f"/apis/coordination.k8s.io/v1{_scope(namespace)}/leases"


def _segment(name: str) -> str:
    """Returns a name as part of a path: names come from callers of the progress endpoint too, who could write '..'."""
    if not _NAME.fullmatch(name):
        raise NotFound(404, "NotFound", f"no object can be called {name[:80]!r}")
    return name
