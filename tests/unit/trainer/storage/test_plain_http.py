"""Requests without TLS: the data that an eavesdropper can read."""

import hashlib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from epochal_trainer.storage import Credentials, RetryPolicy, S3Bucket

CREDENTIALS = Credentials("the-access-key", "the-secret-key", "the-token")
CONTENT = b"a model"


class Listener(BaseHTTPRequestHandler):
    """A server that records the requests."""

    seen: list[tuple[dict[str, str], bytes]]

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_HEAD(self) -> None:
        headers, body = self.seen[-1]
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')
        self.send_header("Content-Length", headers["content-length"])
        self.send_header("Last-Modified", "Wed, 25 Nov 2026 12:00:00 GMT")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Write no log."""


@pytest.fixture
def sent(tmp_path: Path) -> tuple[dict[str, str], bytes]:
    """Headers and body of an upload."""
    Listener.seen = []
    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            (tmp_path / "model.keras").write_bytes(CONTENT)
            endpoint = f"http://127.0.0.1:{server.server_port}"
            S3Bucket(endpoint, "results", CREDENTIALS, retry=RetryPolicy(0)).upload(
                tmp_path / "model.keras", "model.keras"
            )
        finally:
            server.shutdown()
            thread.join()
    return Listener.seen[0]


def test_keys_are_not_sent_but_a_session_token_is(sent: tuple[dict[str, str], bytes]) -> None:
    headers, _ = sent
    assert "the-secret-key" not in str(headers)
    assert headers["x-amz-security-token"] == "the-token"


def test_the_signature_covers_the_content(sent: tuple[dict[str, str], bytes]) -> None:
    """See https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html."""
    headers, body = sent
    assert body == CONTENT
    assert headers["x-amz-content-sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert "x-amz-content-sha256" in headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
