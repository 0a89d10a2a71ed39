"""HTTP requests to the API server, with the credentials of a kubeconfig or of a pod."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from epochal.client.failures import TOO_MANY_REQUESTS, AnswerTooLarge, no_connection, refused, shortened
from epochal.environment import Environment

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

MAX_ANSWER = 256 * 2**20
"""Maximum bytes of an answer: enough for 500 of the largest TrainingJobs that users have in practice. A larger page of
a list is requested again with fewer objects; any other larger answer is an error."""
_PIECE = 2**18
"""Bytes that are read at a time."""
CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
_TRIES = 5
"""Maximum number of attempts of a request that the API server rejects as too many (429), without executing it."""
_MAX_DELAY = 10
_SUCCESS = range(200, 300)
_WARNING = re.compile(r'299 [^ ]+ "((?:[^"\\]|\\.)*)"')
"""Pattern of a warning in the header Warning (RFC 7234, 5.5), such as a warning of an admission policy."""
_MAX_WARNINGS = 16

Query = Mapping[str, str | int | bool]


class Response(NamedTuple):
    """An HTTP answer.

    Args:
        status: The HTTP status.
        headers: The headers, with names in lower case.
        body: The content of the answer.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """Sends HTTP requests to one API server.

    Args:
        api: The client of the package kubernetes, with address and credentials.
        environment: Waits before a retry.
        token: Bearer token in place of the credentials of `api`, so that several users can share its connections.
        max_answer: Maximum bytes of an answer.
        max_object: Maximum bytes of the answer if it is one object that is read by its name.
        reserve: Called with the number of bytes of memory to reserve for an answer, before it is parsed; with a
            negative number to release bytes. It may raise an error, which ends the request. For a change it is
            called before the request is sent, because a change that the API server has made must not fail here.
        warn: Called with each warning of the API server. Default: `environment` prints it to standard error.
    """

    def __init__(
        self,
        api: "ApiClient",
        environment: Environment,
        *,
        token: str = "",
        max_answer: int = MAX_ANSWER,
        max_object: int = MAX_ANSWER,
        reserve: Callable[[int], None] = lambda _: None,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self._api = api
        self._environment = environment
        self._token = token
        self._max_answer = max_answer
        self._max_object = max_object
        self._reserve = reserve
        self._warn = warn or (lambda text: environment.warn(f"epochal: warning: {text}"))

    @property
    def address(self) -> str:
        """Address of the API server."""
        return str(self._api.configuration.host)

    def json(
        self,
        action: str,
        method: str,
        path: str,
        query: Query | None = None,
        *,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        is_object: bool = False,
        is_change: bool = False,
    ) -> dict[str, Any]:
        """Send a request, and return the JSON object in the answer.

        Args:
            action: The request in error messages, such as `list TrainingJobs`.
            method: The HTTP method.
            path: The path of the object.
            query: Parameters of the request.
            body: The object to send.
            content_type: Media type of the body.
            accept: Media type of the answer.
            is_object: Whether the answer is one object, whose maximum size is `max_object`.
            is_change: Whether the request changes an object, and the answer is the changed object.

        Raises:
            AnswerTooLarge: If the answer is too large.
            ApiError: If the API server refuses the request.
            EpochalError: If the API server does not answer, or the answer is no JSON object.
        """
        content = None if body is None else json.dumps(body).encode()
        headers = {"Accept": accept, **({"Content-Type": content_type} if content is not None else {})}
        response = self.request(
            action, method, path, query, body=content, headers=headers, is_object=is_object, is_change=is_change
        )
        if response.status not in _SUCCESS:
            raise refused(response.status, response.body, action)
        for text in _WARNING.findall(response.headers.get("warning", ""))[:_MAX_WARNINGS]:
            self._warn(shortened(text.replace("\\", "")))
        try:
            answer = json.loads(response.body)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise no_connection(self.address, "the answer is no JSON object, so this is no API server of Kubernetes")
        return answer

    def request(
        self,
        action: str,
        method: str,
        path: str,
        query: Query | None = None,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        read_seconds: float = READ_SECONDS,
        is_object: bool = False,
        is_change: bool = False,
    ) -> Response:
        """Send a request, and return the answer, also with an error status. Retry after a 429 with Retry-After.

        Raises:
            AnswerTooLarge: If the answer is too large.
            EpochalError: If the API server does not answer.
        """
        # The stored object may have more than the body.
        reserved = self._max_object + len(body or b"") if is_change else 0
        for attempt in range(_TRIES):
            self._reserve(reserved)
            with self.open(method, path, query, body=body, headers=headers, read_seconds=read_seconds) as answer:
                content = self._read(answer, action, reserved, is_object=is_object)
                found = {name.lower(): value for name, value in answer.headers.itermerged()}
            delay = found.get("retry-after", "")
            if answer.status != TOO_MANY_REQUESTS or not delay.isdecimal() or attempt == _TRIES - 1:
                break
            self._environment.sleep(min(int(delay[:4]), _MAX_DELAY))
        return Response(answer.status, found, content)

    def _read(self, answer: Any, action: str, reserved: int, *, is_object: bool) -> bytes:
        """Return the content of an answer, and change the reserved memory from `reserved` bytes to its size.

        Raises:
            AnswerTooLarge: If the content is too large.
        """
        limit = self._max_object if is_object else self._max_answer
        pieces: list[bytes] = []
        size = 0
        while piece := answer.read(min(_PIECE, limit + 1 - size)):
            size += len(piece)
            if size > reserved:
                self._reserve(size - reserved)
                reserved = size
            if size > limit:
                self._reserve(-reserved)
                raise _too_large(action, limit, is_object=is_object)
            pieces.append(piece)
        self._reserve(size - reserved)
        return b"".join(pieces)

    @contextmanager
    def open(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        read_seconds: float | None = READ_SECONDS,
    ) -> Iterator[Any]:
        """Send a request, and yield the answer as an HTTPResponse of urllib3. Its connection is released at the end.

        Raises:
            EpochalError: If the API server does not answer, or the connection breaks.
        """
        from urllib3 import Timeout  # noqa: PLC0415 - `import kubernetes` has imported it
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        sent = {"Accept": "application/json", **self._api.default_headers, **(headers or {})}
        response = None
        try:
            if self._token:
                sent["Authorization"] = f"Bearer {self._token}"
            else:
                self._api.update_params_for_auth(sent, [], ["BearerToken"], path, method, None)
            response = self._api.rest_client.pool_manager.request(
                method,
                f"{self.address}{path}{f'?{_encoded(query)}' if query else ''}",
                body=body,
                headers=sent,
                timeout=Timeout(connect=CONNECT_SECONDS, read=read_seconds),
                preload_content=False,
                retries=False,
                redirect=False,
            )
            yield response
        except (HTTPError, OSError) as error:
            raise no_connection(self.address, _cause(error)) from error
        finally:
            if response is not None:
                # A connection with an answer that was not read to its end serves no other request.
                response.drain_conn() if _is_read(response) else response.close()
                response.release_conn()


def _too_large(action: str, limit: int, *, is_object: bool) -> AnswerTooLarge:
    if is_object:
        return AnswerTooLarge(
            f"cannot {action}: the object has more than {limit // 1024} KiB, so it is too large to show.",
            "Read it with `kubectl get --output yaml`.",
        )
    return AnswerTooLarge(
        f"cannot {action}: the answer has more than {limit / 2**20:.0f} MiB.",
        "Select fewer objects, such as those of one namespace.",
    )


def _encoded(query: Query) -> str:
    return urlencode({name: str(value).lower() if value in (True, False) else value for name, value in query.items()})


def _is_read(response: Any) -> bool:
    return bool(response.closed or getattr(response, "length_remaining", None) == 0)


def _cause(error: Exception) -> str:
    """Return the cause of a failed request for users, without names and addresses of Python objects."""
    text = str(error)
    if text.startswith("<") or "object at 0x" in text:
        text = text.partition(": ")[2]
    return " ".join(text.split()) or type(error).__name__
