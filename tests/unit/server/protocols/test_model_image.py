"""The conversion of pixels to the model's input."""

import io
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from epochal_api.signature import ChannelRange, ImageSpec
from epochal_server.model.model import Model, require_images
from epochal_server.protocols.preprocess import ModelImage, data_url, inputs, png
from epochal_server.refusals import Unknown
from PIL import Image

from tests.kit.served import digits, model, pair, spec

GREY = np.array([[[0], [51]], [[102], [255]]], np.uint8)


def of(shape: tuple[int, ...], dtype: str, lowest: float, highest: float) -> Model:
    image = ImageSpec(height=2, width=2, channels=1, lowest=lowest, highest=highest)
    return model([spec("x", shape, dtype)], [spec("y", (2,))], image=image, images="Resize")


@pytest.mark.parametrize(
    ("shape", "dtype", "lowest", "highest", "values"),
    [
        ((2, 2, 1), "float32", 0, 1, [0, 0.2, 0.4, 1]),
        ((2, 2), "float32", 0, 255, [0, 51, 102, 255]),
        ((4,), "float32", -1, 1, [-1, -0.6, -0.2, 1]),
        ((2, 2, 1), "uint8", 0, 255, [0, 51, 102, 255]),
        ((2, 2, 1), "int32", 0, 16, [0, 3, 6, 16]),
        ((2, 2, 1), "float16", 1, 0, [1, 0.8, 0.6, 0]),
    ],
)
def test_scales_black_and_white_to_the_values_of_the_model(
    shape: tuple[int, ...], dtype: str, lowest: float, highest: float, values: list[float]
) -> None:
    found = inputs([ModelImage(GREY), ModelImage(255 - GREY)], of(shape, dtype, lowest, highest))["x"]
    assert found.shape == (2, *shape)
    np.testing.assert_array_equal(found[0].ravel(), np.array(values, dtype))


def test_many_pictures_take_little_memory() -> None:
    image = ImageSpec(height=64, width=64, channels=3, lowest=0, highest=1)
    served = model([spec("x", (64, 64, 3))], [spec("y", (2,))], image=image, images="Resize")
    images = [ModelImage(np.full((64, 64, 3), shade, np.uint8)) for shade in range(64)]
    tracemalloc.start()
    try:
        found = inputs(images, served)["x"]
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 1.5 * found.nbytes


@pytest.mark.parametrize("shape", [(2, 1, 3), (6,)])
def test_each_channel_has_its_own_range(shape: tuple[int, ...]) -> None:
    ranges = [ChannelRange(lowest=-2, highest=3), ChannelRange(lowest=0, highest=1), ChannelRange(lowest=5, highest=-5)]
    image = ImageSpec(height=2, width=1, channels=3, lowest=-5, highest=5, ranges=ranges)
    served = model([spec("x", shape)], [spec("y", (2,))], image=image, images="Resize")
    found = inputs([ModelImage(np.array([[[0, 0, 0]], [[255, 51, 255]]], np.uint8))], served)["x"]
    assert found.shape == (1, *shape)
    np.testing.assert_allclose(found.ravel(), [-2, 0, 5, 3, 0.2, -5], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_a_range_of_bytes_changes_no_pixel(dtype: str) -> None:
    every = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    image = ImageSpec(height=16, width=16, channels=1, lowest=0, highest=255)
    served = model([spec("x", (16, 16, 1), dtype)], [spec("y", (2,))], image=image)
    np.testing.assert_array_equal(inputs([ModelImage(every)], served)["x"][0], every)
    scaled = model([spec("x", (16, 16, 1))], [spec("y", (2,))], image=image.model_copy(update={"highest": 1.0}))
    np.testing.assert_array_equal(
        inputs([ModelImage(every)], scaled)["x"][0], every.astype(np.float32) / np.float32(255)
    )


@pytest.mark.parametrize("pixels", [GREY, np.repeat(GREY, 3, axis=2)])
def test_the_png_has_the_pixels_of_the_model_image(pixels: np.ndarray) -> None:
    with Image.open(io.BytesIO(png(ModelImage(pixels)))) as picture:
        np.testing.assert_array_equal(np.asarray(picture).reshape(pixels.shape), pixels)
    assert data_url(b"a") == "data:image/png;base64,YQ=="


def without_signature_file(one: Model) -> Model:
    """Returns a model that has no signature beside it."""
    return replace(one, signature=one.signature.model_copy(update={"models": []}))


@pytest.mark.parametrize(
    ("served", "message"),
    [
        (digits(images="None"), "set spec.images of the ModelServer"),
        (
            without_signature_file(digits(image=None)),
            "signature.json, which has the values of black and white, is missing",
        ),
        (digits(image=None), "its inputs are no images of height, width"),
        (
            pair(images="Resize", image=digits().signature.image),
            'a photograph gives a single input, and the model has several: "count", "words": send all of them',
        ),
    ],
)
def test_some_models_take_no_photographs(served: Model, message: str) -> None:
    require_images(digits())
    with pytest.raises(Unknown, match=message):
        require_images(served)
