"""Pictures with transparent parts on a page."""

import numpy as np
import pytest
from epochal_photographs.flatten import on_contrasting_page, on_white
from PIL import Image


def drawn(shade: int, mode: str) -> Image.Image:
    """Returns a stroke of a shade on a transparent page, which is black where nothing is drawn."""
    alpha = np.zeros((8, 8), np.uint8)
    alpha[2:4] = 255
    grey = np.where(alpha, shade, 0).astype(np.uint8)
    return Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)]).convert(mode)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize(("ink", "page"), [(0, 255), (90, 255), (255, 0), (200, 0)])
def test_a_drawing_has_contrast(ink: int, page: int, mode: str) -> None:
    picture = on_contrasting_page(drawn(ink, mode))
    assert picture.mode == "RGB"
    assert picture.getpixel((3, 3)) == (ink,) * 3
    assert picture.getpixel((6, 6)) == (page,) * 3


def test_an_empty_page_is_white() -> None:
    assert on_contrasting_page(Image.new("LA", (2, 2))).getpixel((0, 0)) == (255, 255, 255)


def test_an_opaque_picture_stays() -> None:
    assert on_contrasting_page(Image.new("RGBA", (2, 2), (1, 2, 3, 255))).getpixel((0, 0)) == (1, 2, 3)
    assert on_contrasting_page(Image.new("L", (2, 2), 7)).getpixel((0, 0)) == (7, 7, 7)


def test_mixes_half_transparent_ink_with_white() -> None:
    assert on_white(Image.new("LA", (1, 1), (0, 128)), "L").getpixel((0, 0)) == pytest.approx(127, abs=1)
