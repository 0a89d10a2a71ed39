"""A client of Studio's back end without pages: it signs in, and keeps the cookies of its session."""

import json
import urllib.request
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPResponse
from typing import Any
from urllib.error import HTTPError

SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """The answer to a request.

    Args:
        status: The HTTP status.
        headers: The headers.
        content: The body, parsed if it is JSON.
    """

    status: int
    headers: Mapping[str, str]
    content: Any


@dataclass
class Client:
    """A client with the session of a user.

    Args:
        address: Address of Studio, such as http://localhost:8080.
        namespace: Namespace of the runs.
        cookies: The cookies by name.
    """

    address: str
    namespace: str
    cookies: dict[str, str] = field(default_factory=dict)

    def sign_in(self, token: str) -> Answer:
        """Signs in with a token."""
        return self.ask("/api/session", {"token": token})

    def ask(
        self, path: str, body: Any = None, *, method: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Sends a request and returns its answer.

        Args:
            path: Path and query.
            body: Body, to send as JSON unless it is bytes.
            method: Method. Default: GET, or POST with a body.
            headers: More headers, or other values.
        """
        try:
            answer = self._open(path, body, method, headers)
        except HTTPError as error:
            answer = error
        with closing(answer):
            for cookie in answer.headers.get_all("Set-Cookie") or []:
                name, _, value = cookie.partition(";")[0].partition("=")
                self.cookies[name] = value.strip('"')
            content = answer.read()
            is_json = answer.headers.get_content_type() == "application/json"
            return Answer(answer.status or 0, dict(answer.headers), json.loads(content) if is_json else content)

    def run(self, kind: str, name: str, part: str = "", body: Any = None) -> Answer:
        """Requests a part of a run, such as `history`, or sends a change of it, such as `actions`."""
        return self.ask(f"/api/runs/{kind}/{self.namespace}/{name}{f'/{part}' if part else ''}", body)

    def runs(self) -> dict[str, Any]:
        """Returns the list of runs by name, as a new stream begins with it."""
        event = ""
        with closing(self._open(f"/api/stream?namespace={self.namespace}", None, None)) as stream:
            for line in stream:
                text = line.decode().rstrip()
                if text.startswith("event:"):
                    event = text.removeprefix("event:").strip()
                elif text.startswith("data:") and event == "runs":
                    update = json.loads(text.removeprefix("data:"))
                    if update["isComplete"]:
                        return {run["name"]: run for run in update["changed"]}
        raise ConnectionError("the stream ended before a complete list of runs")

    def _open(
        self, path: str, body: Any, method: str | None, more: Mapping[str, str] | None = None
    ) -> HTTPResponse | HTTPError:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookies, "Origin": self.address}
        if body is not None or method is not None:
            headers["Content-Type"] = "application/json"
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.address}{path}", data, headers | dict(more or {}), method=method)
        answer: HTTPResponse = urllib.request.urlopen(request, timeout=SECONDS)
        return answer
