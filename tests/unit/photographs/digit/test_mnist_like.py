"""Detection of pictures that already have the form of MNIST."""

from collections.abc import Callable

import numpy as np
import pytest
from epochal_photographs.digit.mnist import mnist_like, to_mnist
from PIL import Image

from tests.unit.photographs.digit.conftest import Draw


@pytest.fixture
def image(draw: Draw) -> np.ndarray:
    page = Image.new("L", (200, 200))
    return to_mnist(np.asarray(draw(page, "4", (50, 50, 150, 150), 14, 255)) > 0, height=28, width=28)


@pytest.mark.parametrize("is_inverted", [False, True])
def test_returns_an_image_of_mnist_light_on_black(image: np.ndarray, *, is_inverted: bool) -> None:
    picture = Image.fromarray(255 - image if is_inverted else image).convert("RGB")
    np.testing.assert_array_equal(mnist_like(picture, height=28, width=28), image)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: np.roll(image, 4, 0),
        lambda image: np.roll(image, -4, 1),
        lambda image: np.pad(image, 1),
        lambda image: image // 4,
        lambda image: image // 2 + 60,
        lambda image: np.asarray(Image.fromarray(np.pad(image, 10)).resize((28, 28))),
        lambda image: image * 0,
        lambda image: image * 0 + 255,
    ],
    ids=["lower", "to the left", "larger", "faint", "on grey", "small", "black", "white"],
)
def test_returns_none_for_other_pictures(image: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> None:
    changed = np.ascontiguousarray(change(image))
    assert mnist_like(Image.fromarray(changed).convert("RGB"), height=28, width=28) is None


def test_returns_none_for_another_size(image: np.ndarray) -> None:
    assert mnist_like(Image.fromarray(image).convert("RGB"), height=32, width=32) is None
