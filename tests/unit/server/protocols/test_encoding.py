"""Bodies that were packed."""

import gzip
import zlib
from contextlib import suppress

import pytest
from epochal_server.protocols.encoding import unpacked
from epochal_server.refusals import Invalid, Refused, TooLarge, Unsupported
from hypothesis import given
from hypothesis import strategies as st


def bare(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@given(st.binary(max_size=300))
def test_unpacks_what_clients_pack(body: bytes) -> None:
    assert unpacked(gzip.compress(body), "gzip", 300) == body
    assert unpacked(zlib.compress(body), "deflate", 300) == body
    assert unpacked(bare(body), "deflate", 300) == body


@pytest.mark.parametrize(
    ("body", "packing", "refusal", "told"),
    [
        (gzip.compress(b"\0" * 10_000_000, mtime=0), "gzip", TooLarge, "expected at most 1,000 bytes when unpacked"),
        (gzip.compress(b"abc", mtime=0)[:-1], "gzip", Invalid, "found that it breaks off"),
        (gzip.compress(b"abc", mtime=0) + b"x", "gzip", Invalid, "found more after its end"),
        (b"abc", "gzip", Invalid, "expected gzip, found Error"),
        (b"", "gzip", Invalid, "breaks off"),
        (b"", "deflate", Invalid, "breaks off"),
        (b"abc", "br", Unsupported, "expected gzip or deflate, found 'br'"),
    ],
)
def test_refuses_the_rest(body: bytes, packing: str, refusal: type[Refused], told: str) -> None:
    with pytest.raises(refusal, match=told):
        unpacked(body, packing, 1000)


@given(st.binary(), st.sampled_from(["gzip", "deflate"]))
def test_survives_whatever_is_sent(body: bytes, packing: str) -> None:
    with suppress(Refused):
        unpacked(body, packing, 100)
