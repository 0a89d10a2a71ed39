"""Time and memory of hostile pictures."""

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable

import pytest
from epochal_photographs.decode import decode, is_large, pixels
from epochal_photographs.errors import InvalidPicture
from epochal_photographs.segments import (
    MAX_COMPRESSED_CHUNKS,
    MAX_EXIF_BYTES,
    MAX_EXIF_SEGMENTS,
    MAX_FRAMES,
    MAX_SCANS,
    MAX_SEGMENTS,
    MAX_TABLE_SEGMENTS,
)
from PIL import Image

SIDE = 4096
PIXELS = SIDE * SIDE


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def of_scans(count: int, side: int = SIDE) -> bytes:
    """Return a progressive JPEG with a number of scans, each of zero blocks."""
    blocks = (side // 8) ** 2
    code_of_one_bit = bytes([1] + [0] * 15)
    head = segment(0xDB, bytes([0] + [1] * 64)) + segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0")
    tables = segment(0xC4, b"\0" + code_of_one_bit + b"\0") + segment(0xC4, b"\x10" + code_of_one_bit + b"\xe0")
    first = segment(0xDA, b"\1\1\0\0\0\0") + bytes(blocks // 8)
    runs = "".join("0" + "1" * 14 for _ in range(-(-blocks // 32767)))
    runs += "1" * (-len(runs) % 8)
    zeros = int(runs, 2).to_bytes(len(runs) // 8, "big").replace(b"\xff", b"\xff\0")
    return b"\xff\xd8" + head + tables + first + (segment(0xDA, b"\1\1\0\1\x3f\0") + zeros) * (count - 1) + b"\xff\xd9"


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def of_sequential_scans(count: int, side: int = SIDE) -> bytes:
    """Returns a JPEG that is not progressive, of so many scans without a byte: a decoder fills each with zeros."""
    code_of_one_bit = bytes([1] + [0] * 15)
    sizes = segment(0xC0, struct.pack(">BHHB", 8, side, side, 3) + b"\1\x11\0\2\x11\0\3\x11\0")
    tables = segment(0xC4, b"\0" + code_of_one_bit + b"\0") + segment(0xC4, b"\x10" + code_of_one_bit + b"\0")
    each = b"".join(segment(0xDA, bytes([1, 1 + at % 3]) + b"\0\0\x3f\0") for at in range(count))
    return b"\xff\xd8" + segment(0xDB, bytes([0] + [1] * 64)) + sizes + tables + each + b"\xff\xd9"


def stored(picture: Image.Image, kind: str, **options: bool | bytes) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def test_a_jpeg_of_thousands_of_scans_is_refused() -> None:
    assert decode(of_scans(10), max_pixels=PIXELS, min_side=500).size == (512, 512)
    bomb = of_scans(50_000)
    assert len(bomb) < 8 * 2**20
    with pytest.raises(InvalidPicture, match=f"50,000 scans, expected at most {MAX_SCANS}"):
        decode(bomb, max_pixels=PIXELS, min_side=500)


def test_a_sequential_jpeg_of_many_scans_is_refused() -> None:
    """A scan of 10 bytes took a millisecond."""
    few = of_sequential_scans(10)
    assert decode(few, max_pixels=PIXELS, min_side=500).size == (512, 512)
    assert is_large(few, min_side=500)
    with pytest.raises(InvalidPicture, match=f"300 scans, expected at most {MAX_SCANS}"):
        decode(of_sequential_scans(300), max_pixels=PIXELS, min_side=500)


def test_ignores_scans_after_the_end_of_a_jpeg() -> None:
    picture = stored(Image.new("L", (64, 64)), "JPEG", progressive=True)
    assert decode(picture + b"\xff\xda" * 1000, max_pixels=PIXELS).size == (64, 64)


JPEG, PNG = (stored(Image.new("L", (64, 64)), kind) for kind in ("JPEG", "PNG"))
AFTER_HEAD, BEFORE_END = 33, -12


@pytest.mark.parametrize(
    "data",
    [
        JPEG[:2] + segment(0xE5, b"") * (MAX_SEGMENTS + 1) + JPEG[2:],
        JPEG[:2] + b"\xff" * (MAX_SEGMENTS + 1) + JPEG[2:],
        JPEG[:3] + JPEG[3:20] + b"\0" * (MAX_SEGMENTS + 1) + JPEG[20:],
        JPEG[:2] + (b"\xff\xf0\xff\xff" + segment(0xE5, b"") * 16_384) * 5 + JPEG[2:],
        JPEG[:-2] + segment(0xE5, b"") * (MAX_SEGMENTS + 1) + JPEG[-2:],
        PNG[:AFTER_HEAD] + chunk(b"abCd") * MAX_SEGMENTS + PNG[AFTER_HEAD:],
        PNG[:AFTER_HEAD] + chunk(b"IEND") + chunk(b"abCd") * MAX_SEGMENTS + PNG[AFTER_HEAD:],
        PNG[:BEFORE_END] + chunk(b"abCd") * MAX_SEGMENTS + PNG[BEFORE_END:],
    ],
    ids=["segments", "fill", "bytes", "hidden", "after the scan", "chunks", "end", "after the pixels"],
)
def test_refuses_many_segments_or_chunks(data: bytes) -> None:
    """A file of 8 MiB took 2 s and 270 MiB."""
    with pytest.raises(InvalidPicture, match=f"more than {MAX_SEGMENTS:,} segments"):
        decode(data, max_pixels=PIXELS)


FRAME = segment(0xC0, struct.pack(">BHHB", 8, 64, 64, 1) + b"\1\x11\0")
TABLES = segment(0xDB, b"\0" + bytes([1] * 64))
EXIF_SEGMENT = segment(0xE1, b"Exif\0\0" + bytes(100))
ZIPPED = zlib.compress(bytes(1000))


def in_jpeg(parts: bytes) -> bytes:
    return JPEG[:2] + parts + JPEG[2:]


def in_png(parts: bytes) -> bytes:
    return PNG[:AFTER_HEAD] + parts + PNG[AFTER_HEAD:]


@pytest.mark.parametrize(
    ("data", "found", "maximum"),
    [
        (in_jpeg(FRAME), "JPEG with 2 frame headers", MAX_FRAMES),
        (in_jpeg(segment(0xDE, FRAME[4:])), "JPEG with 2 frame headers", MAX_FRAMES),
        (in_jpeg(TABLES * 16), "JPEG with 17 segments with quantization tables", MAX_TABLE_SEGMENTS),
        (in_jpeg(EXIF_SEGMENT * 17), "JPEG with 17 EXIF segments", MAX_EXIF_SEGMENTS),
        (in_png(chunk(b"zTXt", b"k\0\0" + ZIPPED) * 33), "PNG with 33 compressed chunks", MAX_COMPRESSED_CHUNKS),
        (in_png(chunk(b"iTXt", b"k\0\1\0\0\0" + ZIPPED) * 33), "PNG with 33 compressed chunks", MAX_COMPRESSED_CHUNKS),
        (
            PNG[:BEFORE_END] + chunk(b"iCCP", b"k\0\0" + ZIPPED) * 33 + PNG[BEFORE_END:],
            "PNG with 33 compressed chunks",
            MAX_COMPRESSED_CHUNKS,
        ),
    ],
    ids=["frames", "hierarchical", "tables", "EXIF", "texts", "international texts", "profiles after the pixels"],
)
def test_refuses_many_expensive_segments_or_chunks(data: bytes, found: str, maximum: int) -> None:
    """Files of 8 MiB took Pillow 18 s of processor time as PNG, and 8 s, 0.5 s or 250 MiB as JPEG."""
    for read in (pixels, is_large):
        with pytest.raises(InvalidPicture, match=rf"{found} .*expected at most {maximum}: save it again"):
            read(data)


@pytest.mark.parametrize(
    "data",
    [
        in_jpeg(TABLES * (MAX_TABLE_SEGMENTS - 1)),
        in_jpeg(EXIF_SEGMENT * MAX_EXIF_SEGMENTS),
        in_jpeg(segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(100)) * 200),
        in_png(chunk(b"zTXt", b"k\0\0" + ZIPPED) * MAX_COMPRESSED_CHUNKS),
        in_png(chunk(b"tEXt", b"k\0text") * 200),
    ],
    ids=["tables", "EXIF", "XMP", "compressed texts", "texts"],
)
def test_decodes_a_picture_with_much_metadata(data: bytes) -> None:
    assert decode(data, max_pixels=PIXELS).size == (64, 64)


@pytest.mark.parametrize(
    "start", [b"", chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 3, 0, 0, 0, 0)) + chunk(b"IDAT")]
)
def test_refuses_a_png_without_a_valid_header(start: bytes) -> None:
    """Pillow read 4 bytes more than the length of such an fdAT chunk, and so found chunks that were not counted."""
    frame = chunk(b"fcTL", bytes(26)) + chunk(b"fdAT", struct.pack(">I", 1))
    with pytest.raises(InvalidPicture, match="does not start with a valid header"):
        pixels(PNG[:8] + start + frame + PNG[8:])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_accepts_the_header_of_each_mode(mode: str, bits: int) -> None:
    file = io.BytesIO()
    Image.new(mode, (3, 3)).save(file, "PNG", bits=bits)
    assert decode(file.getvalue(), max_pixels=9).size == (3, 3)


def orientations(count: int) -> bytes:
    """Return EXIF data with a number of orientations as fractions."""
    return (
        b"MM\0*\0\0\0\x08\0\1" + struct.pack(">HHLL", 0x112, 5, count, 26) + bytes(4) + struct.pack(">LL", 1, 1) * count
    )


def in_webp(exif: bytes) -> bytes:
    return stored(Image.new("L", (64, 64)), "WEBP", exif=exif)


@pytest.mark.filterwarnings("ignore:Metadata Warning")
@pytest.mark.parametrize(
    "with_exif",
    [
        in_webp,
        lambda exif: in_png(chunk(b"eXIf", exif)),
        lambda exif: PNG[:BEFORE_END] + chunk(b"eXIf", exif) + PNG[BEFORE_END:],
        lambda exif: in_png(chunk(b"tEXt", b"Raw profile type exif\0\n\n\n" + exif.hex().encode())),
    ],
    ids=["WebP", "PNG", "PNG after the pixels", "text of a PNG"],
)
def test_refuses_exif_data_of_more_than_1_mib(with_exif: Callable[[bytes], bytes]) -> None:
    """Fractions in 8 MiB of EXIF data took 2.7 s and 230 MiB."""
    most = (MAX_EXIF_BYTES - 100) // 8
    assert decode(with_exif(orientations(most)), max_pixels=PIXELS).size == (64, 64)
    with pytest.raises(
        InvalidPicture, match=r"1,048,\d+ bytes of EXIF data, expected at most 1,048,576: save it again"
    ):
        decode(with_exif(orientations(most + 14)), max_pixels=PIXELS)


def test_ignores_warnings_about_exif_data() -> None:
    """A process of its own: pytest replaces the filters of warnings."""
    data = in_jpeg(segment(0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff\0\1\1\x12"))
    script = (
        "import sys; from epochal_photographs.decode import decode; decode(sys.stdin.buffer.read(), max_pixels=4096)"
    )
    for filters in ("default", "error::UserWarning"):
        done = subprocess.run(
            [sys.executable, "-W", filters, "-c", script], input=data, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b"")


def test_ignores_data_after_the_end_of_a_png() -> None:
    assert pixels(PNG + b"\0" * 2**20) == 64 * 64


def test_refuses_large_text_chunks() -> None:
    texts = b"".join(chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(2**20 - 1))) for _ in range(5))
    with pytest.raises(InvalidPicture, match="Too much memory used in text chunks"):
        pixels(PNG[:AFTER_HEAD] + texts + PNG[AFTER_HEAD:])


def test_is_large_predicts_much_memory() -> None:
    large, small = (Image.new("RGB", (side, side)) for side in (2100, 2000))
    kinds = ("PNG", "WEBP", "JPEG", "MPO")
    assert [is_large(stored(large, kind), min_side=1000) for kind in kinds] == [True, True, False, False]
    assert is_large(stored(large, "JPEG", progressive=True), min_side=1000)
    # A long and narrow picture is decoded at its full size.
    long = stored(Image.new("RGB", (8000, 600)), "JPEG")
    assert [is_large(long, min_side=min_side) for min_side in (0, 300, 400)] == [True, False, True]
    assert not is_large(stored(small, "WEBP"))
    with pytest.raises(InvalidPicture):
        is_large(b"none")
