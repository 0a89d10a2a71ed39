"""Plain heads for the fast path, and heads for aiohttp."""

import pytest
from epochal_server.connections.plain_http import MAX_HEAD_BYTES, Head, _cache, read_head
from epochal_server.protocols.protocol import HEADER_LENGTH

PLAIN = b"POST /v2/models/digits/infer HTTP/1.1\r\nHost: digits\r\nContent-Length: 12\r\n"


def test_parses_a_plain_head() -> None:
    assert read_head(PLAIN + b"\r\n") == Head("/v2/models/digits/infer", 12, {})
    head = PLAIN + b"Inference-Header-Content-Length:7\r\nAuthorization:  Bearer key \r\nX-Request-Id: 1\r\n\r\n"
    assert read_head(head) == Head("/v2/models/digits/infer", 12, {HEADER_LENGTH: "7", "Authorization": "Bearer key"})
    assert read_head(PLAIN + b"x-api-key: key\r\n\r\n") == Head("/v2/models/digits/infer", 12, {"X-API-Key": "key"})
    for more in (
        b"Connection: Keep-Alive",
        b"Content-Type: application/JSON; charset=utf-8",
        b"content-type: text/plain",
    ):
        assert read_head(PLAIN + more + b"\r\n\r\n") is not None


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v2/models/digits/infer HTTP/1.1\r\nHost: digits\r\nContent-Length: 12\r\n\r\n",
        b"POST /v2/models/digits/infer HTTP/1.0\r\nHost: digits\r\nContent-Length: 12\r\n\r\n",
        b"POST http://digits/infer HTTP/1.1\r\nHost: digits\r\nContent-Length: 12\r\n\r\n",
        b"POST /v2/models/digits/infer HTTP/1.1\r\nContent-Length: 12\r\n\r\n",
        b"POST /v2/models/digits/infer HTTP/1.1\r\nHost: digits\r\n\r\n",
        PLAIN.replace(b"12", b"-1") + b"\r\n",
        PLAIN.replace(b"12", b"1e3") + b"\r\n",
        PLAIN.replace(b"12", b"12, 12") + b"\r\n",
        PLAIN.replace(b"\r\n", b"\n") + b"\n",
        *(
            PLAIN + odd + b"\r\n\r\n"
            for odd in (
                b"Content-Length: 12",
                b"content-length: 13",
                b"Host: other",
                b"Authorization: Bearer a\r\nauthorization: Bearer b",
                b"X-API-Key: a\r\nx-api-key: b",
                b"Transfer-Encoding: chunked",
                b"transfer-encoding: identity",
                b"Content-Encoding: gzip",
                b"Expect: 100-continue",
                b"Connection: close",
                b"Origin: http://digits",
                b"Sec-Fetch-Site: same-origin",
                b"Connection: upgrade",
                b"Upgrade: h2c",
                b"Content-Type: text/csv",
                b" folded: line",
                b"Space : before",
                b"No colon",
                b"Bare\rreturn: x",
                b"X: bare\nfeed: x",
                b"X: \x00",
                b"X: \xff",
            )
        ),
    ],
)
def test_leaves_other_heads_to_aiohttp(head: bytes) -> None:
    assert read_head(head) is None


def test_caches_no_keys() -> None:
    _cache.clear()
    for header in (b"Authorization: Bearer secret", b"AUTHORIZATION: Bearer secret", b"X-Api-Key: secret"):
        assert read_head(PLAIN + header + b"\r\n\r\n") is not None
    assert not _cache


def test_the_cache_is_bounded() -> None:
    _cache.clear()
    for length in range(2000):
        head = read_head(PLAIN.replace(b"12", str(length).encode()) + b"\r\n")
        assert head is not None
        assert head.length == length
    assert 0 < len(_cache) <= 512


def test_hostile_heads_take_little_time() -> None:
    for value in (b"a" * MAX_HEAD_BYTES, b"a " * MAX_HEAD_BYTES, b" " * MAX_HEAD_BYTES, b"X: y\r\n" * 500):
        assert read_head(PLAIN + b"X: " + value + b"\x80\r\n\r\n") is None
