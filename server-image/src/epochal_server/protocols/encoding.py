"""Unpacks the bodies of requests that were packed."""

import io
import zlib
from collections.abc import Sequence

from epochal_server.refusals import Invalid, TooLarge, Unsupported

GZIP_OR_ZLIB = 47
"""What tells zlib to see for itself which of the two it is."""
BARE = -15
ZLIB_METHOD = 8
GZIP = frozenset({"gzip", "x-gzip"})
MOST_MEMBERS = 4096
"""Of a body in gzip, each of which costs time, however short it is."""
PART_BYTES = 64 * 1024
"""Fed to zlib at a time: it copies what comes after a member."""


def packed_by(values: Sequence[str]) -> str | None:
    """Returns how a body is packed; None if it is not.

    Args:
        values: The headers Content-Encoding of a request, each of which may list several.

    Raises:
        Unsupported: If it is packed more than once.
    """
    codings = [coding.strip().lower() for value in values for coding in value.split(",")]
    packings = [coding for coding in codings if coding not in {"", "identity"}]
    if len(packings) > 1:
        raise Unsupported(
            f"Content-Encoding: expected gzip or deflate once, found {', '.join(packings)[:40]!r}: pack it once"
        )
    return packings[0] if packings else None


def unpacked(body: bytes, encoding: str, most: int) -> bytes:
    """Returns what a body held before it was packed.

    Args:
        body: The body as it was sent.
        encoding: Its packing: gzip, of which it may have several members, or deflate.
        most: Most bytes that it may hold.

    Raises:
        Invalid: If it is not packed so, or breaks off.
        TooLarge: If it holds more.
        Unsupported: If it is packed in another way.
    """
    if encoding not in {*GZIP, "deflate"}:
        raise Unsupported(f"Content-Encoding: expected gzip or deflate, found {encoding[:40]!r}: pack it so, or not")
    # Some take deflate at its word and leave out zlib's two bytes, the first of which says that it is deflate.
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
