"""Decodes the bytes of a photograph to upright pixels, and refuses a photograph with too many pixels."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import ExifTags, Image, ImageFile, PngImagePlugin, UnidentifiedImageError

from epochal_photographs.errors import InvalidPicture, PhotographError, TooManyPixels
from epochal_photographs.segments import MAX_SCANS, check_exif, check_segments, scans

FORMATS = ("JPEG", "PNG", "WEBP")
"""The accepted formats, by Pillow's names. Each further format would expose another decoder to hostile bytes."""

LARGE = 2**22
"""Number of pixels above which a picture is large. Decoding takes about 16 bytes of memory for each pixel."""

# Pillow unpacks up to 64 MiB of texts in a PNG from 64 KiB of data, and keeps them with the picture.
PngImagePlugin.MAX_TEXT_MEMORY = 2**22

# Pillow warns about each damaged tag of EXIF data, which a photograph does not need. A picture of 1 MiB has 65,535 such
# tags: each would be a line of the log, and Python would keep the text of each. The filter is for the whole process
# because `warnings.catch_warnings` is not safe with threads. A warning about too many pixels is no UserWarning.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

_RAW_EXIF = "Raw profile type exif"
"""The key of a text in a PNG that contains EXIF data, with two hexadecimal digits for each byte."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N", "I")
_TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")


def decode(data: bytes, *, max_pixels: int, min_side: int = 0) -> Image.Image:
    """Decode a photograph to 8 bits a channel: grayscale or colour, with transparency if the photograph has any.

    The picture is rotated upright by the orientation in its EXIF data. An animation is decoded to its first picture.

    Args:
        data: A JPEG, PNG or WebP.
        max_pixels: Maximum number of pixels in the data. A larger picture is not decoded.
        min_side: Minimum length in pixels of the result's shorter side; 0 for the full size. To save time, a larger
            JPEG is decoded at a half, a quarter or an eighth of its size, if this is still enough.

    Raises:
        InvalidPicture: If the data are not a picture, are damaged, or have too many segments, chunks, scans or bytes of
            EXIF data.
        TooManyPixels: If the picture has more than `max_pixels` pixels.
    """
    picture = _opened(data)
    width, height = picture.size
    if width * height > max_pixels:
        raise TooManyPixels(
            f"the picture has {width:,} × {height:,} = {width * height:,} pixels, expected at most {max_pixels:,}: "
            "send a smaller picture"
        )
    if (count := _scans(picture, data)) > MAX_SCANS:
        raise InvalidPicture(
            f"the picture is a JPEG with {count:,} scans, expected at most {MAX_SCANS}: save it again with fewer scans"
        )
    with _readable():
        if min_side:
            picture.draft(None, (min_side, min_side))
        _scale_transparency(picture)
        picture.load()
        return _eight_bits(_upright(picture))


def is_large(data: bytes, *, min_side: int = 0) -> bool:
    """Return whether decoding a picture takes much memory: it has more than LARGE pixels.

    A JPEG that `decode` reduces for `min_side` counts with its reduced number of pixels.

    Raises:
        InvalidPicture: If the data are not a picture.
        TooManyPixels: If the picture has more pixels than Pillow ever decodes.
    """
    picture = _opened(data)
    if min_side and "progressive" not in picture.info and _scans(picture, data) <= 1:  # else all is kept in memory
        with _readable():
            picture.draft(None, (min_side, min_side))
    return picture.width * picture.height > LARGE


def pixels(data: bytes | memoryview) -> int:
    """Return the number of a picture's pixels at its full size, without decoding them.

    Raises:
        InvalidPicture: If the data are not a picture.
        TooManyPixels: If the picture has more pixels than Pillow ever decodes.
    """
    width, height = size(data)
    return width * height


def size(data: bytes | memoryview) -> tuple[int, int]:
    """Return the stored width and height of a picture, without decoding its pixels.

    Raises:
        InvalidPicture: If the data are not a picture.
        TooManyPixels: If the picture has more pixels than Pillow ever decodes.
    """
    return _opened(data).size


def _opened(data: bytes | memoryview) -> ImageFile.ImageFile:
    """Open a picture: its size is read, and its pixels are not decoded yet."""
    check_segments(data)
    with _readable():
        return Image.open(io.BytesIO(data), formats=FORMATS)


def _scans(picture: Image.Image, data: bytes) -> int:
    """Return the number of scans of a JPEG, or 1 for other formats. An MPO is a JPEG followed by further JPEGs."""
    return scans(data) if picture.format in {"JPEG", "MPO"} else 1


@contextmanager
def _readable() -> Iterator[None]:
    """Replace any exception of Pillow within the context with InvalidPicture or TooManyPixels."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooManyPixels(f"the picture has too many pixels: {error}: send a smaller picture") from error
    except UnidentifiedImageError as error:
        raise InvalidPicture("the file is not a JPEG, PNG or WebP: send one of these formats") from error
    except (MemoryError, PhotographError):
        raise
    except Exception as error:
        raise InvalidPicture(
            f"the picture is damaged or truncated ({type(error).__name__}: {error}), expected a complete JPEG, PNG or "
            "WebP: send it again, or save it again"
        ) from error


def _upright(picture: Image.Image) -> Image.Image:
    """Return a picture rotated by its EXIF orientation, or unchanged if its EXIF data are damaged.

    Raises:
        InvalidPicture: If the picture has too many bytes of EXIF data.
    """
    exif = picture.info.get("exif")
    check_exif(len(picture.info.get(_RAW_EXIF, "")) // 2 if exif is None else len(exif))
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001 - EXIF data are optional, and their reader raises any exception
        return picture
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return picture if turn is None else picture.transpose(turn)


def _scale_transparency(picture: ImageFile.ImageFile) -> None:
    """Scale the transparent shade or colour of a PNG as Pillow scales its pixels, because Pillow leaves it unscaled.

    16-bit grayscale keeps its shades until _eight_bits. Of 16-bit colours, Pillow reads the upper 8 bits only. So all
    colours that share these bits with the transparent colour become transparent.
    """
    stored = picture.tile[0].args if picture.tile else None
    match stored, picture.info.get("transparency"):
        case ("L;2" | "L;4") as levels, int(shade):
            picture.info["transparency"] = shade * (85 if levels == "L;2" else 17)
        case "RGB;16B", (int(red), int(green), int(blue)):
            picture.info["transparency"] = (red >> 8, green >> 8, blue >> 8)


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Return a picture with 8 bits a channel, in Pillow's mode L, LA, RGB or RGBA."""
    if picture.mode in _SIXTEEN_BITS:
        # Scale 65,536 shades to 256. Pillow's conversion to L would keep 256 shades, and make all others white.
        grey = picture.convert("I").point(lambda shade: shade / 256).convert("L")
        if (transparent := picture.info.get("transparency")) is None:
            return grey
        seen = (np.asarray(picture) != transparent).astype(np.uint8) * 255
        return Image.merge("LA", (grey, Image.fromarray(seen)))
    if picture.mode in {"1", "L"} and "transparency" not in picture.info:
        return picture.convert("L")
    if picture.mode in _TRANSPARENT or "transparency" in picture.info:
        return picture.convert("LA" if picture.mode in {"L", "LA", "La"} else "RGBA")
    return picture.convert("RGB")
