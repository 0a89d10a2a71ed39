"""Model images of photographs. tests/photographs tests how well digits are found."""

import io
from typing import Any, get_args

import numpy as np
import pytest
from epochal_api.modelserver.config import Limits
from epochal_api.signature import ImageSpec
from epochal_server.protocols.preprocess import Box, Fit, preprocess
from epochal_server.refusals import Invalid, TooLarge
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from tests.kit.served import digits, model, spec

COLOURS = ImageSpec(height=20, width=30, channels=3, lowest=0, highest=1)
PICTURES = model([spec("x", (20, 30, 3))], [spec("y", (2,))], image=COLOURS, images="Resize")


def stored(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def texts(count: int) -> PngInfo:
    """Returns compressed texts of a PNG."""
    info = PngInfo()
    for number in range(count):
        info.add_text(f"text {number}", "text", zip=True)
    return info


def sheet(*places: tuple[int, int], size: tuple[int, int] = (400, 300), stroke: int = 12) -> Image.Image:
    """Returns a sheet of paper with a one at each place."""
    page = Image.new("L", size, 230)
    for left, top in places:
        ImageDraw.Draw(page).line([(left, top + 20), (left + 25, top), (left + 25, top + 100)], 30, stroke)
    return page


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_resizes_a_picture(kind: str) -> None:
    data = stored(Image.new("RGB", (600, 400), (200, 100, 50)), kind)
    (image,) = preprocess(data, PICTURES)
    assert (image.pixels.shape, image.pixels.dtype.name, image.box) == ((20, 30, 3), "uint8", None)
    np.testing.assert_allclose(image.pixels.reshape(-1, 3), [(200, 100, 50)] * 600, atol=4)


def test_pads_a_picture_on_request() -> None:
    data = stored(Image.new("RGB", (400, 400), (255, 255, 255)))
    cropped, padded = (preprocess(data, PICTURES, fit=fit)[0].pixels for fit in get_args(Fit))
    assert cropped.min() == 255
    assert (padded[:, 0].max(), padded[:, 15].min()) == (0, 255)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_digit_is_light_on_black(channels: Any) -> None:
    image = ImageSpec(height=28, width=28, channels=channels, lowest=0, highest=1)
    (found,) = preprocess(stored(sheet((180, 100))), digits(image=image))
    assert found.pixels.shape == (28, 28, channels)
    assert (found.pixels[:2].max(), found.pixels[14].max() > 128, found.box) == (0, True, None)


def test_each_digit_has_its_box() -> None:
    at = [(60, 100), (180, 100), (300, 100)]
    boxes = [image.box for image in preprocess(stored(sheet(*at)), digits(), several=True)]
    for box, (left, top) in zip(boxes, at, strict=True):
        assert box is not None
        np.testing.assert_allclose(
            (box.left, box.top, box.right, box.bottom), (left, top, left + 32, top + 100), atol=9
        )


def test_boxes_are_in_pixels_of_the_sent_photograph() -> None:
    page = sheet((180, 100)).resize((4000, 3000))
    (image,) = preprocess(stored(page, "JPEG", quality=90), digits(), several=True)
    assert isinstance(image.box, Box)
    found = (image.box.left, image.box.top, image.box.right, image.box.bottom)
    np.testing.assert_allclose(found, (1800, 1000, 2120, 2000), atol=90)


def test_boxes_are_in_pixels_of_the_upright_photograph() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    page = sheet((180, 100)).transpose(Image.Transpose.ROTATE_90)
    (image,) = preprocess(stored(page, "JPEG", quality=95, exif=exif), digits(), several=True)
    assert image.box is not None
    found = (image.box.left, image.box.top, image.box.right, image.box.bottom)
    np.testing.assert_allclose(found, (180, 100, 212, 200), atol=9)


def test_several_digits_may_be_none() -> None:
    empty = stored(Image.new("L", (400, 300), 230))
    assert preprocess(empty, digits(), several=True) == []
    with pytest.raises(Invalid):
        preprocess(empty, digits())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "found an empty body: send a JPEG, PNG or WebP"),
        (b"GIF89a", "not a JPEG, PNG or WebP"),
        (stored(sheet(), "JPEG")[:-400], "damaged or truncated"),
        (stored(sheet(), pnginfo=texts(33)), "PNG with 33 compressed chunks"),
    ],
)
def test_refuses_invalid_photographs(data: bytes, message: str) -> None:
    for of in (digits(), PICTURES):
        with pytest.raises(Invalid, match=message):
            preprocess(data, of)


def test_refuses_too_many_pixels() -> None:
    small = digits(limits=Limits(image_pixels=400 * 300 - 1))
    with pytest.raises(TooLarge, match=r"120,000 pixels.*raise spec\.limits\.imagePixels"):
        preprocess(stored(sheet()), small)
