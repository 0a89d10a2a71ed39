"""Digits of MNIST's test set: some that lie beside the tests, or all of them."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.demo.mnist import files
from tests.photographs.paper import Array

SIDE = 28
SHEET = Path(__file__).parent / "digits.png"
"""A row of each class, of test images drawn at random."""


def some() -> tuple[Array, Array]:
    """Returns the digits of the sheet, and what they show."""
    sheet = np.asarray(Image.open(SHEET))
    rows, columns = sheet.shape[0] // SIDE, sheet.shape[1] // SIDE
    digits = sheet.reshape(rows, SIDE, columns, SIDE).swapaxes(1, 2).reshape(-1, SIDE, SIDE)
    return digits, np.repeat(np.arange(rows), columns)


def every(folder: Path) -> tuple[Array, Array]:
    """Returns all digits of the test set, and what they show, from the files that tests.demo.mnist makes."""
    images, labels = (path.read_bytes() for path in files(folder)[2:])
    return np.frombuffer(images, np.uint8, offset=16).reshape(-1, SIDE, SIDE), np.frombuffer(labels, np.uint8, offset=8)
