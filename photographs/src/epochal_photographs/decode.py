"""From the bytes of a photograph to its pixels, upright, and never more of them than allowed."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import ExifTags, Image, ImageFile, PngImagePlugin, UnidentifiedImageError

from epochal_photographs.errors import NotAPicture, TooManyPixels
from epochal_photographs.parts import MOST_SCANS, check_parts, scans

FORMATS = ("JPEG", "PNG", "WEBP")
"""The formats that are read, as Pillow calls them. Each format more is a reader more that hostile bytes reach."""

LARGE = 2**22
"""Pixels from which on a picture takes much memory while it is decoded, about 16 bytes for each."""

# Of texts in a PNG, Pillow unpacks up to 64 MiB, which 64 KiB hold, and keeps them with the picture.
PngImagePlugin.MAX_TEXT_MEMORY = 2**22

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


def decode(data: bytes, *, most_pixels: int, at_least: int = 0) -> Image.Image:
    """Returns a photograph as a picture of 8 bits a channel: grayscale or colours, with transparency if it has any.

    It stands upright, as the orientation in its EXIF data says. Of an animation, it is the first picture.

    Args:
        data: A JPEG, PNG or WebP.
        most_pixels: Most pixels that it may have, as it is stored; more of them are not decoded.
        at_least: How long its shorter side has to be. A JPEG that is much larger is decoded at a half, a quarter or an
            eighth of its size, as long as that is enough, in a fraction of the time. 0 for its full size.

    Raises:
        NotAPicture: If it is none, or damaged.
        TooManyPixels: If it has more pixels than allowed.
    """
    picture = _opened(data)
    width, height = picture.size
    if width * height > most_pixels:
        raise TooManyPixels(
            f"the picture has {width:,} × {height:,} = {width * height:,} pixels: it must not have more than "
            f"{most_pixels:,}. Send a smaller one"
        )
    if (count := _scans(picture, data)) > MOST_SCANS:
        raise NotAPicture(
            f"the picture is a JPEG of {count:,} scans: it must not have more than {MOST_SCANS}. Save it anew"
        )
    with _readable():
        if at_least:
            picture.draft(None, (at_least, at_least))
        _scale_transparency(picture)
        picture.load()
        return _eight_bits(_upright(picture))


def is_large(data: bytes, *, at_least: int = 0) -> bool:
    """Returns whether a picture takes much memory while it is decoded: less if a JPEG is decoded at a part of its size.

    Args:
        data: A JPEG, PNG or WebP.
        at_least: See decode.

    Raises:
        NotAPicture: If it is none.
        TooManyPixels: If it has more pixels than are ever decoded.
    """
    picture = _opened(data)
    if at_least and "progressive" not in picture.info and _scans(picture, data) <= 1:  # else all is kept until its end
        with _readable():
            picture.draft(None, (at_least, at_least))
    return picture.width * picture.height > LARGE


def pixels(data: bytes | memoryview) -> int:
    """Returns how many pixels a picture has, as it is stored.

    Args:
        data: A JPEG, PNG or WebP.

    Raises:
        NotAPicture: If it is none.
        TooManyPixels: If it has more pixels than are ever decoded.
    """
    picture = _opened(data)
    return picture.width * picture.height


def _opened(data: bytes | memoryview) -> ImageFile.ImageFile:
    """Returns a picture whose size is known, and nothing of which is decoded yet."""
    check_parts(data)
    with _readable():
        return Image.open(io.BytesIO(data), formats=FORMATS)


def _scans(picture: Image.Image, data: bytes) -> int:
    """Returns the number of a picture's scans: one if it is no JPEG. MPO is a JPEG with others after it."""
    return scans(data) if picture.format in {"JPEG", "MPO"} else 1


@contextmanager
def _readable() -> Iterator[None]:
    """Says of whatever Pillow raises on bytes that are damaged that they are no picture."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooManyPixels(f"the picture has too many pixels: {error}. Send a smaller one") from error
    except UnidentifiedImageError as error:
        raise NotAPicture("this is no JPEG, PNG or WebP: send the photograph as one of these") from error
    except MemoryError:
        raise
    except Exception as error:
        raise NotAPicture(
            f"the picture is damaged or cut off ({type(error).__name__}: {error}): it must be a whole JPEG, PNG or "
            "WebP. Send it again, or save it anew"
        ) from error


def _upright(picture: Image.Image) -> Image.Image:
    """Turns a picture as its EXIF data say; damaged ones say nothing."""
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001 - a photograph is one without its EXIF data, too, and their reader raises anything
        return picture
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return picture if turn is None else picture.transpose(turn)


def _scale_transparency(picture: ImageFile.ImageFile) -> None:
    """Scales the transparent shade or colour of a PNG as Pillow scales its pixels, which it does not do itself.

    Grey of 16 bits keeps its shades until _eight_bits. Of colours of 16 bits, Pillow reads the upper 8 alone, so all
    colours are transparent that share them with the transparent one.
    """
    stored = picture.tile[0].args if picture.tile else None
    match stored, picture.info.get("transparency"):
        case ("L;2" | "L;4") as levels, int(shade):
            picture.info["transparency"] = shade * (85 if levels == "L;2" else 17)
        case "RGB;16B", (int(red), int(green), int(blue)):
            picture.info["transparency"] = (red >> 8, green >> 8, blue >> 8)


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Returns a picture in mode L, LA, RGB or RGBA."""
    if picture.mode in _SIXTEEN_BITS:
        # Of 65,536 shades, not of 256 with all others white, as the conversion to L would take them.
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
