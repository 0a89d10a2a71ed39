"""Unpacks the bodies of requests that were packed."""

import zlib

from epochal_server.refusals import Invalid, TooLarge, Unsupported

GZIP_OR_ZLIB = 47
"""What tells zlib to see for itself which of the two it is."""
BARE = -15
ZLIB_METHOD = 8


def unpacked(body: bytes, encoding: str, most: int) -> bytes:
    """Returns what a body held before it was packed.

    Args:
        body: The body as it was sent.
        encoding: Its header Content-Encoding: gzip, or deflate.
        most: Most bytes that it may hold.

    Raises:
        Invalid: If it is not packed so, or breaks off.
        TooLarge: If it holds more.
        Unsupported: If it is packed in another way.
    """
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise Unsupported(f"Content-Encoding: expected gzip or deflate, found {encoding[:40]!r}: pack it so, or not")
    # Some take deflate at its word and leave out zlib's two bytes, the first of which says that it is deflate.
    bare = encoding == "deflate" and bool(body) and body[0] & 0x0F != ZLIB_METHOD
    unpacker = zlib.decompressobj(BARE if bare else GZIP_OR_ZLIB)
    try:
        found = unpacker.decompress(body, most + 1)
    except zlib.error as error:
        raise Invalid(f"body: expected {encoding}, found {error}: pack it so, or not at all") from None
    if len(found) > most:
        raise TooLarge(
            f"body: expected at most {most:,} bytes when unpacked, found more: send less at a time, or raise "
            "spec.limits.requestBytes of the ModelServer"
        )
    if not unpacker.eof or unpacker.unused_data:
        odd = "more after its end" if unpacker.eof else "that it breaks off"
        raise Invalid(f"body: expected one {encoding} stream, found {odd}: send all of it, and nothing else")
    return found
