"""Decompresses the bodies of requests."""

import io
import zlib
from collections.abc import Sequence

from epochal_server.refusals import Invalid, TooLarge, Unsupported

GZIP_OR_ZLIB = 47
"""Value of `wbits` that lets zlib detect whether the data are gzip or zlib."""
RAW_DEFLATE = -15
ZLIB_METHOD = 8
GZIP = frozenset({"gzip", "x-gzip"})
MAX_MEMBERS = 4096
"""Maximum number of members (compressed parts) in a gzip body. A body with more is refused: each member takes time,
even if it is short."""
PART_BYTES = 64 * 1024
"""Bytes passed to zlib at a time, because zlib copies all bytes after a member."""


def encoding_of(values: Sequence[str]) -> str | None:
    """Return the compression that the Content-Encoding headers of a request name, or None if they name none.

    Raises:
        Unsupported: If the headers name several compressions.
    """
    codings = [coding.strip().lower() for value in values for coding in value.split(",")]
    compressions = [coding for coding in codings if coding not in {"", "identity"}]
    if len(compressions) > 1:
        raise Unsupported(
            f"Content-Encoding: expected gzip or deflate once, found {', '.join(compressions)[:40]!r}: compress once"
        )
    return compressions[0] if compressions else None


def decompress(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """Return the decompressed body.

    Raises:
        Invalid: If the body is not in that encoding, is incomplete, has bytes after its end, or too many gzip members.
        TooLarge: If the decompressed body has more than `max_bytes`.
        Unsupported: If the encoding is neither gzip nor deflate.
    """
    if encoding not in {*GZIP, "deflate"}:
        raise Unsupported(
            f"Content-Encoding: expected gzip or deflate, found {encoding[:40]!r}: use one of them, or none"
        )
    # Some clients send raw deflate data, without zlib's header of two bytes. Its first byte names the method deflate.
    is_raw = encoding == "deflate" and bool(body) and body[0] & 0x0F != ZLIB_METHOD
    wbits = RAW_DEFLATE if is_raw else GZIP_OR_ZLIB
    decompressor, members = zlib.decompressobj(wbits), 1
    rest, output = memoryview(body), io.BytesIO()
    try:
        while rest:
            if decompressor.eof:
                if encoding not in GZIP:
                    raise Invalid(
                        f"body: expected one {encoding} stream, found more bytes after its end: send only the stream"
                    )
                decompressor, members = zlib.decompressobj(wbits), members + 1
                if members > MAX_MEMBERS:
                    raise Invalid(
                        f"body: expected at most {MAX_MEMBERS:,} members of gzip, found more: compress the body once"
                    )
            part = rest[:PART_BYTES]
            output.write(decompressor.decompress(part, max_bytes + 1 - output.tell()))
            if output.tell() > max_bytes:
                raise TooLarge(
                    f"body: expected at most {max_bytes:,} bytes when decompressed, found more: send less at a time, "
                    "or raise spec.limits.requestBytes of the ModelServer"
                )
            rest = rest[len(part) - len(decompressor.unused_data) :]
    except zlib.error as error:
        raise Invalid(
            f"body: expected {encoding}, found {error}: compress the body again, or send it uncompressed"
        ) from None
    if not decompressor.eof:
        raise Invalid(f"body: expected a complete {encoding} stream, found a truncated one: send the complete body")
    return output.getvalue()
