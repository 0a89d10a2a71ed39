"""What a few bytes may cost: pictures that are made to take long, or much memory."""

import io
import struct

import pytest
from epochal_photographs.decode import MOST_SCANS, decode, is_large
from epochal_photographs.errors import NotAPicture
from PIL import Image

SIDE = 4096
PIXELS = SIDE * SIDE


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def of_scans(count: int, side: int = SIDE) -> bytes:
    """Returns a progressive JPEG of so many scans, each of which says of all blocks at once that they are zero."""
    blocks = (side // 8) ** 2
    code_of_one_bit = bytes([1] + [0] * 15)
    head = segment(0xDB, bytes([0] + [1] * 64)) + segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0")
    tables = segment(0xC4, b"\0" + code_of_one_bit + b"\0") + segment(0xC4, b"\x10" + code_of_one_bit + b"\xe0")
    first = segment(0xDA, b"\1\1\0\0\0\0") + bytes(blocks // 8)
    runs = "".join("0" + "1" * 14 for _ in range(-(-blocks // 32767)))
    runs += "1" * (-len(runs) % 8)
    zeros = int(runs, 2).to_bytes(len(runs) // 8, "big").replace(b"\xff", b"\xff\0")
    return b"\xff\xd8" + head + tables + first + (segment(0xDA, b"\1\1\0\1\x3f\0") + zeros) * (count - 1) + b"\xff\xd9"


def stored(picture: Image.Image, kind: str, **options: bool) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def test_a_jpeg_of_thousands_of_scans_is_refused() -> None:
    assert decode(of_scans(10), most_pixels=PIXELS, at_least=500).size == (512, 512)
    bomb = of_scans(50_000)
    assert len(bomb) < 8 * 2**20
    with pytest.raises(NotAPicture, match=f"50,000 scans: it must not have more than {MOST_SCANS}"):
        decode(bomb, most_pixels=PIXELS, at_least=500)


def test_tells_what_takes_much_memory() -> None:
    large, small = (Image.new("RGB", (side, side)) for side in (2100, 2000))
    kinds = ("PNG", "WEBP", "JPEG", "MPO")
    assert [is_large(stored(large, kind), at_least=1000) for kind in kinds] == [True, True, False, False]
    assert is_large(stored(large, "JPEG", progressive=True), at_least=1000)
    # What is long and narrow is decoded at its full size.
    long = stored(Image.new("RGB", (8000, 600)), "JPEG")
    assert [is_large(long, at_least=at_least) for at_least in (0, 300, 400)] == [True, False, True]
    assert not is_large(stored(small, "WEBP"))
    with pytest.raises(NotAPicture):
        is_large(b"none")
