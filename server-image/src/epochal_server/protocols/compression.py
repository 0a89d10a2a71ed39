"""Decompresses the bodies of requests."""

import io
import zlib
from collections.abc import Sequence

from epochal_server.refusals import Invalid, TooLarge, Unsupported

GZIP_OR_ZLIB = 47
"""Value of `wbits` that lets zlib detect whether the data are gzip or zlib."""
BARE = -15
ZLIB_METHOD = 8
GZIP = frozenset({"gzip", "x-gzip"})
MOST_MEMBERS = 4096
"""Maximum number of members in a gzip body. Each member takes time, even if it is short."""
PART_BYTES = 64 * 1024
"""Bytes passed to zlib at a time, because zlib copies all bytes after a member."""


def encoding_of(values: Sequence[str]) -> str | None:
    """Return the compression of a body, or None if the body is not compressed.

    Args:
        values: The Content-Encoding headers of a request. Each may list several encodings.

    Raises:
        Unsupported: If the body is compressed more than once.
    """
    codings = [coding.strip().lower() for value in values for coding in value.split(",")]
    compressions = [coding for coding in codings if coding not in {"", "identity"}]
    if len(compressions) > 1:
        raise Unsupported(
            f"Content-Encoding: expected gzip or deflate once, found {', '.join(compressions)[:40]!r}: pack it once"
        )
    return compressions[0] if compressions else None


def decompress(body: bytes, encoding: str, most: int) -> bytes:
    """Return the decompressed body.

    Args:
        body: The body as it was sent.
        encoding: Compression of the body: gzip, with one or more members, or deflate.
        most: Maximum size of the decompressed body in bytes.

    Raises:
        Invalid: If the body is not in that encoding, or is incomplete.
        TooLarge: If the decompressed body is larger.
        Unsupported: If the encoding is not supported.
    """
    if encoding not in {*GZIP, "deflate"}:
        raise Unsupported(f"Content-Encoding: expected gzip or deflate, found {encoding[:40]!r}: pack it so, or not")
    # Some clients send raw deflate data, without zlib's header of two bytes. Its first byte names the method deflate.
    bare = encoding == "deflate" and bool(body) and body[0] & 0x0F != ZLIB_METHOD
    wbits = BARE if bare else GZIP_OR_ZLIB
    unpacker, members = zlib.decompressobj(wbits), 1
    rest, found = memoryview(body), io.BytesIO()
    try:
        while rest:
            if unpacker.eof:
                if encoding not in GZIP:
                    raise Invalid(f"body: expected one {encoding} stream, found more after its end: send nothing else")
                unpacker, members = zlib.decompressobj(wbits), members + 1
                if members > MOST_MEMBERS:
                    raise Invalid(
                        f"body: expected at most {MOST_MEMBERS:,} members of gzip, found more: pack it as one"
                    )
            part = rest[:PART_BYTES]
            found.write(unpacker.decompress(part, most + 1 - found.tell()))
            if found.tell() > most:
                raise TooLarge(
                    f"body: expected at most {most:,} bytes when unpacked, found more: send less at a time, or raise "
                    "spec.limits.requestBytes of the ModelServer"
                )
            rest = rest[len(part) - len(unpacker.unused_data) :]
    except zlib.error as error:
        raise Invalid(f"body: expected {encoding}, found {error}: pack it so, or not at all") from None
    if not unpacker.eof:
        raise Invalid(f"body: expected a whole {encoding} stream, found that it breaks off: send all of it")
    return found.getvalue()
