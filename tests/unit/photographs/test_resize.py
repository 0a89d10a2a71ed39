"""Photographs in the size of the network's input."""

import io
from typing import Literal

import numpy as np
import pytest
from epochal_photographs.resize import Fit, resize, resized
from PIL import Image

THIRDS = np.repeat(np.array([[10, 120, 230]], np.uint8), 30, axis=0).repeat(30, axis=1)
"""90 × 30 pixels: three squares beside each other."""


@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(28, 28), (5, 40), (40, 5), (1, 1)])
@pytest.mark.parametrize("given", [(90, 30), (30, 90), (1, 1), (3000, 1), (1, 3000)])
def test_resizes_to_the_size_of_the_input(
    fit: Fit, channels: Literal[1, 3], size: tuple[int, int], given: tuple[int, int]
) -> None:
    pixels = resize(Image.new("RGB", given, "white"), height=size[0], width=size[1], channels=channels, fit=fit)
    assert pixels.shape == (*size, channels)
    assert pixels.dtype == np.uint8
    assert pixels.max() == 255


def test_crop_keeps_the_middle() -> None:
    pixels = resize(Image.fromarray(THIRDS), height=10, width=10, channels=1, fit="crop")
    assert np.allclose(pixels[:, 1:-1], 120, atol=2)


def test_pad_adds_black() -> None:
    pixels = resize(Image.fromarray(THIRDS), height=30, width=30, channels=1, fit="pad")[..., 0]
    assert not pixels[:10].any()
    assert not pixels[20:].any()
    assert [int(pixels[15, column]) for column in (4, 15, 25)] == [10, 120, 230]


def test_small_patterns_become_grey() -> None:
    checks = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    pixels = resize(Image.fromarray(checks), height=8, width=8, channels=1, fit="crop")
    assert np.allclose(pixels, 127, atol=3)


def test_transparent_parts_are_white() -> None:
    assert resize(Image.new("RGBA", (4, 4)), height=2, width=2, channels=3, fit="crop").min() == 255


def test_converts_colours_to_grey_for_one_channel() -> None:
    pixels = resize(Image.new("RGB", (4, 4), (255, 0, 0)), height=1, width=1, channels=1, fit="crop")
    assert pixels.tolist() == [[[76]]]


def test_resized_gives_the_same_pixels_as_resize() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (70, 50, 3), np.uint8)
    to = io.BytesIO()
    Image.fromarray(noise).save(to, "PNG")
    given = resized(to.getvalue(), height=20, width=20, channels=3, fit="crop", max_pixels=10**6)
    assert np.array_equal(given, resize(Image.fromarray(noise), height=20, width=20, channels=3, fit="crop"))
