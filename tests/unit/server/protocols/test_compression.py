"""Compressed bodies."""

import gzip
import random
import zlib
from contextlib import suppress

import pytest
from epochal_server.protocols.compression import decompress, encoding_of
from epochal_server.refusals import Invalid, Refused, TooLarge, Unsupported
from hypothesis import given
from hypothesis import strategies as st


def raw_deflate(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(body) + compressor.flush()


@given(st.binary(max_size=300))
def test_decompresses_gzip_and_deflate(body: bytes) -> None:
    assert decompress(gzip.compress(body), "gzip", 300) == body
    assert decompress(zlib.compress(body), "deflate", 300) == body
    assert decompress(raw_deflate(body), "deflate", 300) == body


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5))
def test_decompresses_each_gzip_member(members: list[bytes]) -> None:
    body = b"".join(members)
    assert decompress(b"".join(map(gzip.compress, members)), "gzip", len(body)) == body


def test_decompresses_several_parts() -> None:
    body = random.Random(7).randbytes(300_000)  # noqa: S311 - it keeps no secret
    assert decompress(gzip.compress(body) + gzip.compress(body), "gzip", 600_000) == 2 * body
    for packed in (zlib.compress(body), raw_deflate(body)):
        assert decompress(packed, "deflate", 300_000) == body
        with pytest.raises(TooLarge):
            decompress(packed, "deflate", 299_999)


def test_the_limit_holds_for_all_members_together() -> None:
    with pytest.raises(TooLarge, match="expected at most 999 bytes when decompressed"):
        decompress(gzip.compress(b"x" * 500) * 1000, "gzip", 999)


def test_the_number_of_members_is_bounded() -> None:
    with pytest.raises(Invalid, match="expected at most 4,096 members of gzip"):
        decompress(gzip.compress(b"") * 4097, "gzip", 2**23)


@pytest.mark.parametrize(
    ("values", "encoding"),
    [
        ([], None),
        ([""], None),
        (["identity"], None),
        (["gzip"], "gzip"),
        (["identity, gzip"], "gzip"),
        (["GZip ,identity"], "gzip"),
        (["identity", "deflate"], "deflate"),
    ],
)
def test_ignores_identity(values: list[str], encoding: str | None) -> None:
    assert encoding_of(values) == encoding


@pytest.mark.parametrize("values", [["gzip, gzip"], ["deflate", "gzip"]])
def test_refuses_two_compressions(values: list[str]) -> None:
    with pytest.raises(Unsupported, match=r"expected gzip or deflate once, found '(deflate|gzip), gzip'"):
        encoding_of(values)


@pytest.mark.parametrize(
    ("body", "encoding", "refusal", "message"),
    [
        (
            gzip.compress(b"\0" * 10_000_000, mtime=0),
            "gzip",
            TooLarge,
            "expected at most 1,000 bytes when decompressed",
        ),
        (gzip.compress(b"abc", mtime=0)[:-1], "gzip", Invalid, "found a truncated one"),
        (gzip.compress(b"abc", mtime=0) + b"x", "gzip", Invalid, "found a truncated one"),
        (gzip.compress(b"abc", mtime=0) + b"more", "gzip", Invalid, "expected gzip, found Error"),
        (zlib.compress(b"abc") * 2, "deflate", Invalid, "found more bytes after its end"),
        (raw_deflate(b"abc") * 2, "deflate", Invalid, "found more bytes after its end"),
        (b"abc", "gzip", Invalid, "expected gzip, found Error"),
        (b"", "gzip", Invalid, "found a truncated one"),
        (b"", "deflate", Invalid, "found a truncated one"),
        (b"abc", "br", Unsupported, "expected gzip or deflate, found 'br'"),
    ],
)
def test_refuses_invalid_bodies(body: bytes, encoding: str, refusal: type[Refused], message: str) -> None:
    with pytest.raises(refusal, match=message):
        decompress(body, encoding, 1000)


@given(st.binary(), st.sampled_from(["gzip", "deflate"]))
def test_survives_any_bytes(body: bytes, encoding: str) -> None:
    with suppress(Refused):
        decompress(body, encoding, 100)
