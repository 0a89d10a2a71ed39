"""Requests as they go over the wire."""

from pathlib import Path

from tests.bench.serving.wrk import write
from tests.kit.inference import InferRequests


def test_each_request_follows_its_length(tmp_path: Path) -> None:
    asked = InferRequests("/v2/models/m/infer", [b"one", b"three\n"], {"Content-Type": "text/plain"})
    content = write(tmp_path / "requests", asked).read_bytes()
    for body in asked.bodies:
        length, _, content = content.partition(b"\n")
        request, content = content[: int(length)], content[int(length) :]
        head, _, found = request.partition(b"\r\n\r\n")
        assert found == body
        assert head.split(b"\r\n") == [
            b"POST /v2/models/m/infer HTTP/1.1",
            b"Host: 127.0.0.1",
            f"Content-Length: {len(body)}".encode(),
            b"Content-Type: text/plain",
        ]
    assert content == b""
