"""Decoding of valid and invalid photographs."""

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from epochal_photographs.decode import decode
from epochal_photographs.errors import InvalidPicture, PhotographError, TooManyPixels
from PIL import Image

MAX_PIXELS = 10**6
QUARTERS = np.kron(np.array([[0, 80], [160, 240]], np.uint8), np.ones((16, 24), np.uint8))
"""48 × 32 pixels, of four shades: 0, 80, 160 and 240."""


def encode(picture: Image.Image, format_name: str, **options: object) -> bytes:
    to = io.BytesIO()
    picture.save(to, format_name, **options)
    return to.getvalue()


def corners(picture: Image.Image) -> list[int]:
    """Returns the shades in the corners: upper left, upper right, lower left and lower right."""
    grey = np.asarray(picture.convert("L"))
    return [int(grey[row, column]) for row in (3, -4) for column in (3, -4)]


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
def test_decodes_each_format(format_name: str) -> None:
    picture = decode(encode(Image.fromarray(QUARTERS), format_name), max_pixels=MAX_PIXELS)
    assert picture.size == (48, 32)
    assert np.allclose(corners(picture), [0, 80, 160, 240], atol=6)


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, [0, 80, 160, 240]),
        (2, [80, 0, 240, 160]),
        (3, [240, 160, 80, 0]),
        (4, [160, 240, 0, 80]),
        (5, [0, 160, 80, 240]),
        (6, [160, 0, 240, 80]),
        (7, [240, 80, 160, 0]),
        (8, [80, 240, 0, 160]),
        (9, [0, 80, 160, 240]),
    ],
)
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
def test_rotates_by_the_exif_orientation(orientation: int, expected: list[int], format_name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = decode(encode(Image.fromarray(QUARTERS), format_name, exif=exif), max_pixels=MAX_PIXELS)
    assert picture.size == ((32, 48) if orientation in {5, 6, 7, 8} else (48, 32))
    assert np.allclose(corners(picture), expected, atol=6)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_ignores_damaged_exif_data() -> None:
    data = encode(Image.fromarray(QUARTERS), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff\0\1\1\x12")
    assert np.allclose(corners(decode(data, max_pixels=MAX_PIXELS)), [0, 80, 160, 240], atol=6)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("1", "L"), ("L", "L"), ("LA", "LA"), ("P", "RGB"), ("RGB", "RGB"), ("RGBA", "RGBA"), ("I;16", "L")],
)
def test_converts_modes(mode: str, expected: str) -> None:
    shades = QUARTERS.astype(np.uint16) * 257
    picture = Image.fromarray(shades) if mode == "I;16" else Image.fromarray(QUARTERS).convert(mode)
    decoded = decode(encode(picture, "PNG"), max_pixels=MAX_PIXELS)
    assert decoded.mode == expected
    assert corners(decoded) == ([0, *corners(picture)[1:]] if mode == "1" else [0, 80, 160, 240])


def test_decodes_a_palette_with_a_transparent_colour() -> None:
    picture = Image.fromarray(QUARTERS).convert("P")
    assert decode(encode(picture, "PNG", transparency=0), max_pixels=MAX_PIXELS).mode == "RGBA"


def test_decodes_grey_with_a_transparent_shade() -> None:
    decoded = decode(encode(Image.fromarray(QUARTERS), "PNG", transparency=160), max_pixels=MAX_PIXELS)
    assert decoded.mode == "LA"
    assert [decoded.getpixel((1, 30)), decoded.getpixel((1, 1))] == [(160, 0), (0, 255)]


def png(width: int, depth: int, colours: int, row: bytes, transparent: tuple[int, ...]) -> bytes:
    """Returns a PNG of one row, with a transparent shade or colour."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, depth, colours, 0, 0, 0))
    key = chunk(b"tRNS", struct.pack(f">{len(transparent)}H", *transparent))
    return b"\x89PNG\r\n\x1a\n" + head + key + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("transparent", [0, 300, 65535])
def test_decodes_grey_of_16_bits_with_a_transparent_shade(transparent: int) -> None:
    row = struct.pack(">3H", transparent, 30_000, transparent ^ 1)
    decoded = decode(png(3, 16, 0, row, (transparent,)), max_pixels=3)
    assert decoded.mode == "LA"
    grey = transparent >> 8
    assert [decoded.getpixel((x, 0)) for x in range(3)] == [(grey, 0), (117, 255), (grey, 255)]


@pytest.mark.parametrize(
    ("depth", "row", "shades"),
    [(2, 0b11_01_00_00, [255, 85, 0]), (4, 0xF100, [255, 17, 0]), (8, 0xFF1100, [255, 17, 0])],
)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_decodes_grey_of_few_bits_with_a_transparent_shade(depth: int, row: int, shades: list[int], at: int) -> None:
    size = -(-3 * depth // 8)
    data = png(3, depth, 0, row.to_bytes(size, "big"), (shades[at] >> (8 - depth),))
    decoded = decode(data, max_pixels=3)
    assert [decoded.getpixel((x, 0)) for x in range(3)] == [(shades[x], 0 if x == at else 255) for x in range(3)]


def test_decodes_colours_of_16_bits_with_a_transparent_colour() -> None:
    row = struct.pack(">6H", 0x1234, 0x5678, 0x9ABC, 0x1234, 0x5678, 0xABCD)
    decoded = decode(png(2, 16, 2, row, (0x1234, 0x5678, 0x9ABC)), max_pixels=2)
    assert [decoded.getpixel((x, 0)) for x in range(2)] == [(0x12, 0x56, 0x9A, 0), (0x12, 0x56, 0xAB, 255)]


def test_decodes_a_cmyk_jpeg() -> None:
    decoded = decode(encode(Image.fromarray(QUARTERS).convert("CMYK"), "JPEG"), max_pixels=MAX_PIXELS)
    assert decoded.mode == "RGB"
    assert np.allclose(corners(decoded), [0, 80, 160, 240], atol=6)


def test_decodes_the_first_picture_of_an_animation() -> None:
    first, second = Image.fromarray(QUARTERS), Image.fromarray(255 - QUARTERS)
    data = encode(first, "WEBP", save_all=True, append_images=[second], lossless=True)
    assert corners(decode(data, max_pixels=MAX_PIXELS)) == [0, 80, 160, 240]


@pytest.mark.parametrize(
    ("min_side", "size"), [(0, (640, 480)), (481, (640, 480)), (240, (320, 240)), (61, (160, 120)), (1, (80, 60))]
)
def test_a_large_jpeg_is_decoded_smaller(min_side: int, size: tuple[int, int]) -> None:
    data = encode(Image.new("RGB", (640, 480), "red"), "JPEG")
    assert decode(data, max_pixels=MAX_PIXELS, min_side=min_side).size == size


def test_a_large_png_keeps_its_size() -> None:
    assert decode(encode(Image.new("L", (640, 480)), "PNG"), max_pixels=MAX_PIXELS, min_side=10).size == (640, 480)


def png_of(width: int, height: int) -> bytes:
    """Return the beginning of a PNG of a size."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">II", zlib.crc32(head), 9) + b"IDAT"


@pytest.mark.parametrize(("width", "height"), [(1001, 1000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_too_many_pixels_are_refused_before_they_are_decoded(width: int, height: int) -> None:
    with pytest.raises(TooManyPixels, match="send a smaller picture"):
        decode(png_of(width, height), max_pixels=MAX_PIXELS)


def test_message_has_the_number_and_the_limit_of_pixels() -> None:
    with pytest.raises(TooManyPixels, match=r"1,001 × 1,000 = 1,001,000 pixels.*at most 1,000,000"):
        decode(png_of(1001, 1000), max_pixels=MAX_PIXELS)


def test_decodes_the_maximum_number_of_pixels() -> None:
    data = encode(Image.new("L", (40, 30)), "PNG")
    assert decode(data, max_pixels=1200).size == (40, 30)
    with pytest.raises(TooManyPixels):
        decode(data, max_pixels=1199)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.7, 0.95])
def test_refuses_a_truncated_picture(format_name: str, part: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    data = encode(Image.fromarray(noise), format_name)
    with pytest.raises(InvalidPicture):
        decode(data[: int(part * len(data))], max_pixels=MAX_PIXELS)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"GIF89a",
        b"\xff\xd8\xff\xe0",
        b"RIFF\0\0\0\0WEBP",
        b"<svg/>",
        encode(Image.new("L", (4, 4)), "GIF"),
        encode(Image.new("L", (4, 4)), "BMP"),
        encode(Image.new("L", (4, 4)), "TIFF"),
    ],
    ids=["nothing", "zero", "gif", "jpeg", "webp", "svg", "whole gif", "bmp", "tiff"],
)
def test_refuses_other_formats(data: bytes) -> None:
    with pytest.raises(InvalidPicture, match="JPEG, PNG or WebP"):
        decode(data, max_pixels=MAX_PIXELS)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.filterwarnings("ignore")  # Pillow warns of ignored data
def test_damaged_bytes_raise_no_other_error(format_name: str) -> None:
    draw = np.random.default_rng(1)
    whole = np.frombuffer(encode(Image.fromarray(QUARTERS), format_name), np.uint8)
    for _ in range(200):
        damaged = whole.copy()
        damaged[draw.integers(0, len(whole), 4)] = draw.integers(0, 256, 4, np.uint8)
        with contextlib.suppress(PhotographError):
            decode(damaged.tobytes(), max_pixels=MAX_PIXELS)
