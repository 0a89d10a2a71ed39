"""Converts the first samples of an array to pictures with 8-bit pixels."""

import base64
import math
import struct
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from epochal_studio.preview.arrays import MAX_CONTENT, StoredArray
from epochal_studio.preview.elements import Elements
from epochal_studio.preview.source import Unreadable
from epochal_studio.wire.preview import SamplePicture

MAX_SAMPLES = 12
MIN_SIDE, MAX_SIDE = 8, 256
_CHANNELS: tuple[Literal[1, 3], ...] = (1, 3)
_WHITE = 255


class Form(NamedTuple):
    """Height and width of a picture in pixels, and its number of channels."""

    height: int
    width: int
    channels: Literal[1, 3]

    @property
    def size(self) -> int:
        """Number of values of a picture: height × width × channels."""
        return self.height * self.width * self.channels


def picture_form(array: StoredArray) -> Form | None:
    """Return the size of a sample if the samples of an array look like pictures, else None.

    Pictures have a shape such as N×28×28, N×28×28×1 or N×32×32×3, sides of at least 8 pixels, and numbers as elements.
    """
    if array.elements is None or not array.elements.is_number or not array.shape or not array.shape[0]:
        return None
    sides, rest = array.shape[1:3], array.shape[3:]
    channels = next((count for count in _CHANNELS if rest == (count,) or (count == 1 and not rest)), None)
    if len(sides) != 2 or channels is None or min(sides) < MIN_SIDE:  # noqa: PLR2004 - height and width
        return None
    return Form(*sides, channels)


def read_pictures(array: StoredArray, form: Form, labels: Sequence[str]) -> list[SamplePicture]:
    """Return the first samples of an array as pictures.

    Args:
        array: The array.
        form: Size of a sample, from `picture_form`.
        labels: The labels of the first samples as texts, or none.

    Raises:
        Unreadable: If a picture is higher or wider than 256 pixels, or the array cannot be read.
    """
    if max(form.height, form.width) > MAX_SIDE:
        found = f"{form.height}×{form.width}"
        raise Unreadable(f"its pictures have {found} pixels, but Studio shows samples of at most {MAX_SIDE}×{MAX_SIDE}")
    assert array.elements is not None  # noqa: S101 - picture_form has checked it
    size = form.size * array.elements.size
    count = min(MAX_SAMPLES, array.shape[0], MAX_CONTENT // size)
    content = array.content(count * form.size)
    samples = [content[start : start + size] for start in range(0, count * size, size)]
    return [
        SamplePicture(
            width=form.width,
            height=form.height,
            channels=form.channels,
            pixels=base64.b64encode(pixels).decode(),
            label=labels[index] if index < len(labels) else None,
        )
        for index, pixels in enumerate(_scaled(samples, array.elements))
    ]


def _scaled(samples: Sequence[bytes], elements: Elements) -> Iterable[bytes]:
    """Yield the 8-bit pixels of each sample. The smallest value of all samples becomes 0, the greatest value 255."""
    if elements.kind == "b":
        samples = [bytes(byte != 0 for byte in sample) for sample in samples]
    if elements.kind == "b" or (elements.kind, elements.size) == ("u", 1):
        darkest, lightest = min(map(min, samples)), max(map(max, samples))
        table = bytes(_pixel(value, darkest, lightest) for value in range(256))
        yield from (sample.translate(table) for sample in samples)
        return
    ranges = [_range(sample, elements) for sample in samples]
    low = min((each[0] for each in ranges if each), default=0.0)
    high = max((each[1] for each in ranges if each), default=0.0)
    for sample in samples:
        yield bytes(_pixel(value, low, high) for value in _numbers(sample, elements))


def _range(sample: bytes, elements: Elements) -> tuple[float, float] | None:
    """Return the smallest and the greatest finite value of a sample; None if no value is finite."""
    finite = [value for value in _numbers(sample, elements) if math.isfinite(value)]
    return (min(finite), max(finite)) if finite else None


def _numbers(sample: bytes, elements: Elements) -> Iterable[float]:
    return struct.unpack(elements.code(len(sample) // elements.size), sample)


def _pixel(value: float, low: float, high: float) -> int:
    if not value > low or math.isnan(value):
        return 0
    # The difference of two floats may be infinite.
    return (
        _WHITE if value >= high else min(_WHITE, max(0, round(_WHITE * (value / 2 - low / 2) / (high / 2 - low / 2))))
    )
