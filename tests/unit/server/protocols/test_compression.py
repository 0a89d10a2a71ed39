"""Bodies that were packed."""

import gzip
import random
import time
import zlib
from contextlib import suppress

import pytest
from epochal_server.protocols.compression import decompress, encoding_of
from epochal_server.refusals import Invalid, Refused, TooLarge, Unsupported
from hypothesis import given
from hypothesis import strategies as st


def bare(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@given(st.binary(max_size=300))
def test_unpacks_what_clients_pack(body: bytes) -> None:
    assert decompress(gzip.compress(body), "gzip", 300) == body
    assert decompress(zlib.compress(body), "deflate", 300) == body
    assert decompress(bare(body), "deflate", 300) == body


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5))
def test_unpacks_each_member_of_gzip(members: list[bytes]) -> None:
    body = b"".join(members)
    assert decompress(b"".join(map(gzip.compress, members)), "gzip", len(body)) == body


def test_unpacks_what_is_longer_than_a_part() -> None:
    body = random.Random(7).randbytes(300_000)  # noqa: S311 - it keeps no secret
    assert decompress(gzip.compress(body) + gzip.compress(body), "gzip", 600_000) == 2 * body
    for packed in (zlib.compress(body), bare(body)):
        assert decompress(packed, "deflate", 300_000) == body
        with pytest.raises(TooLarge):
            decompress(packed, "deflate", 299_999)


def test_members_together_hold_no_more_than_one_may() -> None:
    """Which ends it before all are unpacked."""
    with pytest.raises(TooLarge, match="expected at most 999 bytes when unpacked"):
        decompress(gzip.compress(b"x" * 500) * 1000, "gzip", 999)


def test_many_members_take_little_time() -> None:
    many = gzip.compress(b"") * 400_000  # 8 MB
    began = time.process_time()
    with pytest.raises(Invalid, match="expected at most 4,096 members of gzip"):
        decompress(many, "gzip", 2**23)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("values", "packing"),
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
def test_passes_over_codings_that_pack_nothing(values: list[str], packing: str | None) -> None:
    assert encoding_of(values) == packing


@pytest.mark.parametrize("values", [["gzip, gzip"], ["deflate", "gzip"]])
def test_refuses_what_is_packed_more_than_once(values: list[str]) -> None:
    with pytest.raises(Unsupported, match=r"expected gzip or deflate once, found '(deflate|gzip), gzip'"):
        encoding_of(values)


@pytest.mark.parametrize(
    ("body", "packing", "refusal", "told"),
    [
        (gzip.compress(b"\0" * 10_000_000, mtime=0), "gzip", TooLarge, "expected at most 1,000 bytes when unpacked"),
        (gzip.compress(b"abc", mtime=0)[:-1], "gzip", Invalid, "found that it breaks off"),
        (gzip.compress(b"abc", mtime=0) + b"x", "gzip", Invalid, "breaks off"),
        (gzip.compress(b"abc", mtime=0) + b"more", "gzip", Invalid, "expected gzip, found Error"),
        (zlib.compress(b"abc") * 2, "deflate", Invalid, "found more after its end"),
        (bare(b"abc") * 2, "deflate", Invalid, "found more after its end"),
        (b"abc", "gzip", Invalid, "expected gzip, found Error"),
        (b"", "gzip", Invalid, "breaks off"),
        (b"", "deflate", Invalid, "breaks off"),
        (b"abc", "br", Unsupported, "expected gzip or deflate, found 'br'"),
    ],
)
def test_refuses_the_rest(body: bytes, packing: str, refusal: type[Refused], told: str) -> None:
    with pytest.raises(refusal, match=told):
        decompress(body, packing, 1000)


@given(st.binary(), st.sampled_from(["gzip", "deflate"]))
def test_survives_whatever_is_sent(body: bytes, packing: str) -> None:
    with suppress(Refused):
        decompress(body, packing, 100)
