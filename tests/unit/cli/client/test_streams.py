"""Logs, the proxy of the API server, and bounds of answers, at an API server that answers raw bytes."""

import io
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from epochal.client import connect
from epochal.client.cluster import MAX_LOG_LINE, Cluster
from epochal.client.kinds import PODS, TRAINING_JOBS
from epochal.environment import Environment
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

from tests.kit import kubeconfig


class RawServer(ThreadingHTTPServer):
    """Answers each request with the same chunks, and keeps the last request."""

    status = 200
    chunks: tuple[bytes, ...] = ()
    warnings: tuple[str, ...] = ()
    path = ""
    headers: Any = {}
    body = b""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RawServer

    def do_GET(self) -> None:
        self.server.path, self.server.headers = self.path, dict(self.headers.items())
        self.server.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.server.status)
        self.send_header("Transfer-Encoding", "chunked")
        for warning in self.server.warnings:
            self.send_header("Warning", warning)
        self.end_headers()
        for chunk in (*self.server.chunks, b""):
            self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[RawServer]:
    found = RawServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=found.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield found
    found.shutdown()
    found.server_close()


@pytest.fixture
def client(server: RawServer, tmp_path: Path) -> Cluster:
    file = kubeconfig.write(tmp_path / "config", f"http://127.0.0.1:{server.server_port}", "secret")
    environment = Environment(stderr=io.StringIO(), variables={"KUBECONFIG": str(file)}, sleep=lambda _: None)
    return connect(environment, namespace="vision")


def test_the_lines_of_a_log(server: RawServer, client: Cluster) -> None:
    server.chunks = (b"one\ntw", b"o\n", b"\xff three")
    assert [*client.log("mnist-0", follow=True, container="trainer")] == ["one", "two", "\ufffd three"]
    assert server.path == ("/api/v1/namespaces/vision/pods/mnist-0/log?follow=true&timestamps=false&container=trainer")
    assert server.headers["authorization"] == "Bearer secret"


def test_a_long_line_comes_in_parts(server: RawServer, client: Cluster) -> None:
    server.chunks = (b"a" * MAX_LOG_LINE, b"b\nc\n")
    found = [*client.log("mnist-0", follow=False)]
    assert "".join(found) == "a" * MAX_LOG_LINE + "bc"
    assert max(map(len, found)) <= MAX_LOG_LINE + 1


def test_a_refused_log(server: RawServer, client: Cluster) -> None:
    server.status, server.chunks = 400, (b'{"kind": "Status", "message": "container is waiting to start"}',)
    with pytest.raises(EpochalError, match="cannot read the log of Pod vision/mnist-0: container is waiting"):
        [*client.log("mnist-0", follow=False)]


def test_a_request_to_a_service(server: RawServer, client: Cluster) -> None:
    server.status, server.chunks = 503, (b"no model",)
    answer = client.proxy("digits", "http", "POST", "/predict?x=1", body=b"[]", headers={"X-API-Key": "k"})
    assert (answer.status, answer.body) == (503, b"no model")
    assert server.path == "/api/v1/namespaces/vision/services/digits:http/proxy/predict?x=1"
    assert (server.body, server.headers["X-API-Key"]) == (b"[]", "k")


def test_warnings_of_the_api_server(server: RawServer, client: Cluster) -> None:
    server.chunks = (b'{"metadata": {"name": "mnist"}}',)
    server.warnings = ('299 - "no operator watches \\"vision\\", see \x1b[31m"', '299 - "second"')
    client.create(TRAINING_JOBS, {"metadata": {"name": "mnist"}})
    assert server.path.endswith("/trainingjobs?fieldManager=epochal-command&fieldValidation=Strict")
    assert isinstance(client.environment.stderr, io.StringIO)
    assert client.environment.stderr.getvalue().splitlines() == [
        'epochal: warning: no operator watches "vision", see  [31m',
        "epochal: warning: second",
    ]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (422, "ValidatingAdmissionPolicy 'epochal' with binding 'epochal' denied request: images must be signed"),
        (403, "jobs is forbidden: exceeded quota: team, requested: count/jobs=1"),
    ],
)
def test_a_rule_of_the_cluster(server: RawServer, client: Cluster, status: int, message: str) -> None:
    server.status, server.chunks = status, (json.dumps({"kind": "Status", "message": message}).encode(),)
    with pytest.raises(EpochalError) as caught:
        client.create(TRAINING_JOBS, {"metadata": {"name": "mnist"}})
    assert message in caught.value.message
    assert (
        caught.value.remedy
        == "This is a rule of the cluster (policy, webhook or quota): change the object, or ask an administrator."
    )


def test_a_right(server: RawServer, client: Cluster) -> None:
    server.chunks = (b'{"status": {"allowed": true}}',)
    assert client.can("get", PODS, subresource="log")
    attributes = json.loads(server.body)["spec"]["resourceAttributes"]
    assert (attributes["namespace"], attributes["resource"], attributes["subresource"]) == ("vision", "pods", "log")


def test_an_answer_that_is_too_large(server: RawServer, client: Cluster) -> None:
    client._transport._max_answer = 1000
    server.chunks = (b" " * 2000,)
    with pytest.raises(EpochalError, match="the answer has more than"):
        client.list(TRAINING_JOBS)


@pytest.mark.parametrize("content", [b"<html>", b"[]", b"[" * 100_000])
def test_an_answer_of_another_program(server: RawServer, client: Cluster, content: bytes) -> None:
    server.chunks = (content,)
    with pytest.raises(EpochalError, match="the answer is no JSON object") as caught:
        client.list(TRAINING_JOBS)
    assert caught.value.exit_code == ExitCode.NO_CONNECTION
