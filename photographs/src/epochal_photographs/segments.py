"""Counts a picture's segments, chunks and scans, because each of them costs the decoder time and memory."""

import re
from collections.abc import Iterator

from epochal_photographs.errors import InvalidPicture

MAX_SEGMENTS = 2**16
"""Maximum number of segments in a JPEG's head, or of chunks in a PNG. A picture with more is refused.

Ten are usual, and a thousand in a PNG of 8 MiB. Pillow takes a tenth of a second for this maximum. Bytes between
segments count, too, because Pillow reads them one by one.
"""
MAX_SCANS = 200
"""Maximum number of scans of a JPEG, each over the whole picture. A JPEG with more is refused. It usually has 1, and 10
if it is progressive."""

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_NO_RESTART = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
"""Pattern of a JPEG marker that ends the data of a scan."""
_START_OF_SCAN, _END = 0xDA, 0xD9
_ALONE = {0x01, 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)}
"""Codes of the JPEG markers that Pillow reads without a length field."""
_LENGTH, _CHUNK = 4, 12
"""Bytes of a chunk's length field, and of all fields of a chunk without its content."""


def check_segments(data: bytes | memoryview) -> None:
    """Check that a picture has few enough segments or chunks to be read in a short time.

    Raises:
        InvalidPicture: If a JPEG or PNG has more than MAX_SEGMENTS segments or chunks.
    """
    head = bytes(data[: len(_PNG)])
    if head.startswith(_JPEG):
        kind, parts = "JPEG", _segments(data)
    elif head == _PNG:
        kind, parts = "PNG", _chunks(data)
    else:
        return
    count = 0
    for part in parts:
        count += part
        _check(count, kind)


def scans(data: bytes) -> int:
    """Return the number of a JPEG's scans up to its end marker. Data after the marker, such as a film, do not count.

    Raises:
        InvalidPicture: If the JPEG has more than MAX_SEGMENTS segments.
    """
    count, at, parts = 0, 2, 0
    while found := _NO_RESTART.search(data, at):
        marker, at, parts = data[found.end() - 1], found.end(), parts + 1
        if marker == _END:
            break
        _check(parts, "JPEG")
        count += marker == _START_OF_SCAN
        at += int.from_bytes(data[at : at + 2], "big")
    return count


def _check(count: int, kind: str) -> None:
    if count > MAX_SEGMENTS:
        raise InvalidPicture(
            f"the picture is a {kind} with more than {MAX_SEGMENTS:,} segments or chunks: save it again as a new file"
        )


def _segments(data: bytes | memoryview) -> Iterator[int]:
    """Yield, for each segment before a JPEG's first scan, 1 plus the number of stray bytes before the segment.

    This is the number of reads in Pillow for the segment.
    """
    at = 2
    while found := _MARKER.search(data, at):
        yield 1 + found.start() - at
        marker, at = data[found.end() - 1], found.end()
        if marker == _START_OF_SCAN:
            return
        if marker not in _ALONE:
            at += int.from_bytes(data[at : at + 2], "big")
    yield len(data) - at


def _chunks(data: bytes | memoryview) -> Iterator[int]:
    """Yield 1 for each chunk of a PNG up to its end chunk. An end chunk before the pixels is ignored, as by Pillow."""
    at, seen = len(_PNG), False
    while at < len(data):
        yield 1
        kind = data[at + _LENGTH : at + 2 * _LENGTH]
        if seen and kind == b"IEND":
            return
        seen = seen or kind == b"IDAT"
        at += _CHUNK + int.from_bytes(data[at : at + _LENGTH], "big")
