"""Digits of MNIST's test set: a selection beside the tests, or all."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.demo.mnist import files
from tests.photographs.paper import Array

SIDE = 28
SHEET = Path(__file__).parent / "digits.png"
"""A row of each class, of test images drawn at random."""


def selection() -> tuple[Array, Array]:
    """Returns the images of the selection and their labels."""
    sheet = np.asarray(Image.open(SHEET))
    rows, columns = sheet.shape[0] // SIDE, sheet.shape[1] // SIDE
    digits = sheet.reshape(rows, SIDE, columns, SIDE).swapaxes(1, 2).reshape(-1, SIDE, SIDE)
    return digits, np.repeat(np.arange(rows), columns)


def all_digits(folder: Path) -> tuple[Array, Array]:
    """Returns all images of the test set and their labels, from the files of tests.demo.mnist."""
    images, labels = (path.read_bytes() for path in files(folder)[2:])
    return np.frombuffer(images, np.uint8, offset=16).reshape(-1, SIDE, SIDE), np.frombuffer(labels, np.uint8, offset=8)
