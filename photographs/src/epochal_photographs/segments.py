"""Counts a picture's segments, chunks and scans, because each of them costs the decoder time and memory."""

import re
from collections import Counter
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
MAX_FRAMES = 1
"""Maximum number of frame headers (SOF) of a JPEG. Pillow keeps the components of each: 250 MB for 8 MiB of headers."""
MAX_TABLE_SEGMENTS = 16
"""Maximum number of segments with quantization tables (DQT) of a JPEG. A usual JPEG has one to four.

Pillow reads each table into a list: 0.5 s of processor time for 8 MiB.
"""
MAX_EXIF_SEGMENTS = 16
"""Maximum number of EXIF segments (APP1) in a JPEG. A usual JPEG has one.

For each segment, Pillow copies all earlier segments: 8 s of processor time for 7 MiB. As a segment has at most 64 KiB,
this maximum also keeps the EXIF data of a JPEG within MAX_EXIF_BYTES.
"""
MAX_EXIF_BYTES = 2**20
"""Maximum bytes of EXIF data. Pillow makes a Python object for each number in a tag: 2.7 s for 8 MiB."""
MAX_COMPRESSED_CHUNKS = 32
"""Maximum number of chunks in a PNG whose content may be compressed. A usual PNG has one or two.

Pillow decompresses up to 1 MiB of each chunk before it finds a fault in the content. 8 MiB of chunks took 18 s.
"""

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_NO_RESTART = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
"""Pattern of a JPEG marker that ends the data of a scan."""
_START_OF_SCAN, _END = 0xDA, 0xD9
_ALONE = {0x01, 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)}
"""Codes of the JPEG markers that Pillow reads without a length field."""
_FRAMES = {*range(0xC0, 0xD0), 0xDE} - {0xC4, 0xC8, 0xCC}
"""Codes of the JPEG markers that Pillow reads as a frame header."""
_TABLES = 0xDB
_APP1, _EXIF_NAME = 0xE1, b"Exif\0\0"
_LENGTH, _CHUNK = 4, 12
"""Bytes of a chunk's length field, and of all fields of a chunk without its content."""
_COMPRESSED = (b"zTXt", b"iTXt", b"iCCP")
_HEADER = b"\0\0\0\x0dIHDR"
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""The bit depths of each colour type of a PNG."""

_PARTS = "segments or chunks"
_FRAME = "frame headers (SOF)"
_TABLE = "segments with quantization tables (DQT)"
_EXIF = "EXIF segments (APP1)"
_TEXT = "compressed chunks (zTXt, iTXt, iCCP)"
_LIMITS = {
    _FRAME: (MAX_FRAMES, "as a new file"),
    _TABLE: (MAX_TABLE_SEGMENTS, "as a new file"),
    _EXIF: (MAX_EXIF_SEGMENTS, "without metadata"),
    _TEXT: (MAX_COMPRESSED_CHUNKS, "without metadata"),
}
"""For each counted part of a picture: the maximum number, and how to save a picture that exceeds it."""


def check_segments(data: bytes | memoryview) -> None:
    """Check that a picture has few enough segments or chunks to be read in a short time.

    Raises:
        InvalidPicture: If a JPEG or PNG has too many segments or chunks, or a PNG has no valid header.
    """
    head = bytes(data[: len(_PNG)])
    if head.startswith(_JPEG):
        kind, parts = "JPEG", _segments(data)
    elif head == _PNG:
        _check_header(data)
        kind, parts = "PNG", _chunks(data)
    else:
        return
    count: Counter[str] = Counter()
    for number, name in parts:
        count[_PARTS] += number
        count[name] += 1
        _check(count[_PARTS], kind)
    for name, (limit, how) in _LIMITS.items():
        if count[name] > limit:
            raise InvalidPicture(
                f"the picture is a {kind} with {count[name]:,} {name}, expected at most {limit}: save it again {how}"
            )


def check_exif(size: int) -> None:
    """Check that a picture's EXIF data have few enough bytes to be read in a short time.

    Raises:
        InvalidPicture: If there are more than MAX_EXIF_BYTES bytes.
    """
    if size > MAX_EXIF_BYTES:
        raise InvalidPicture(
            f"the picture has {size:,} bytes of EXIF data, expected at most {MAX_EXIF_BYTES:,}: save it again without "
            "metadata"
        )


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


def _check_header(data: bytes | memoryview) -> None:
    """Check the header of a PNG: without a valid one, Pillow reads 4 bytes too many of an fdAT chunk.

    Pillow would then find other chunks than `_chunks`, and the limits would not hold.
    """
    start = bytes(data[len(_PNG) : len(_PNG) + 18])
    if start[:8] != _HEADER or len(start) < 18 or start[16] not in _DEPTHS.get(start[17], ()):  # noqa: PLR2004
        raise InvalidPicture(
            "the picture is a PNG that does not start with a valid header (IHDR), expected a complete PNG: send it "
            "again, or save it again"
        )


def _segments(data: bytes | memoryview) -> Iterator[tuple[int, str]]:
    """Yield, for each segment before a JPEG's first scan, 1 plus the number of stray bytes before it, and its name.

    This is the number of reads in Pillow for the segment. The name is empty for a segment without a limit of its own.
    """
    at = 2
    while found := _MARKER.search(data, at):
        reads, marker, at = 1 + found.start() - at, data[found.end() - 1], found.end()
        yield reads, _segment_name(marker, data[at + 2 : at + 2 + len(_EXIF_NAME)])
        if marker == _START_OF_SCAN:
            return
        if marker not in _ALONE:
            at += int.from_bytes(data[at : at + 2], "big")
    yield len(data) - at, ""


def _segment_name(marker: int, start: bytes | memoryview) -> str:
    """Return the name of a limited kind of segment from its marker and the start of its content, else an empty text.

    Only segments with EXIF data count: others with the same marker hold XMP, of which a photograph may have hundreds.
    """
    if marker in _FRAMES:
        return _FRAME
    if marker == _TABLES:
        return _TABLE
    return _EXIF if marker == _APP1 and start == _EXIF_NAME else ""


def _chunks(data: bytes | memoryview) -> Iterator[tuple[int, str]]:
    """Yield 1 and a name for each chunk of a PNG up to its end chunk. The name is empty for a chunk without a limit.

    An end chunk before the pixels is ignored, as by Pillow.
    """
    at, seen = len(_PNG), False
    while at < len(data):
        kind = data[at + _LENGTH : at + 2 * _LENGTH]
        yield 1, _TEXT if kind in _COMPRESSED else ""
        if seen and kind == b"IEND":
            return
        seen = seen or kind == b"IDAT"
        at += _CHUNK + int.from_bytes(data[at : at + _LENGTH], "big")
