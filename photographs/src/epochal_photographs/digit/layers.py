"""What may be ink on a picture: dark or light, in thin strokes or thick ones, strong or faint."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from epochal_photographs.digit.arrays import Bytes, Floats, Mask
from epochal_photographs.digit.components import Components, components
from epochal_photographs.digit.looks import Looks, looks
from epochal_photographs.digit.morphology import greatest, least
from epochal_photographs.digit.shade import dark_ink, light_ink

WIDTHS = (0.05, 0.12, 0.3)
"""How wide strokes are at most that are looked for, as parts of the picture's longer side."""
LEAST_INK = 12.0
"""Difference of shades from which on something may be ink."""

_NOISE = 4
_FAINTER = 0.8


@dataclass(frozen=True)
class Layer:
    """What may be ink on a picture, when it is looked for in one way.

    Args:
        dark: Whether it is ink that is darker than the paper.
        widest: Width in pixels that no stroke has.
        level: From what difference of shades on it is ink.
        ink: How much each pixel differs from what is around it.
        steep: How much shades change near each pixel.
        mask: What is ink.
    """

    dark: bool
    widest: int
    level: float
    ink: Bytes
    steep: Bytes
    mask: Mask

    @cached_property
    def parts(self) -> Components:
        """Components of what is ink."""
        return components(self.mask)

    @cached_property
    def looks(self) -> Looks:
        """How they look."""
        return looks(self.parts, self.ink, self.mask, self.steep, self.level)


def layers(shade: Bytes, blur: int) -> Iterator[Layer]:
    """Yields what may be ink on a picture, looked for in each way.

    Args:
        shade: The picture's shades.
        blur: Over how many pixels edges may extend.
    """
    window = 2 * blur + 3
    steep = greatest(shade, window) - least(shade, window)
    for part in WIDTHS:
        widest = int(part * max(shade.shape)) | 1
        for dark in (True, False):
            ink = (dark_ink if dark else light_ink)(shade, widest)
            for level in thresholds(ink):
                yield Layer(dark, widest, level, ink, steep, ink >= level)


def thresholds(ink: Bytes) -> list[float]:
    """Returns the differences that are halfway at the edges of strokes: of all of them, and of those that are faint."""
    steep = slopes(ink)
    weights = np.square(np.maximum(steep - _NOISE * float(np.median(steep)), 0))
    every = halfway(ink, weights)
    faint = halfway(ink, weights * (ink < every))
    return [max(every, LEAST_INK), *([faint] if LEAST_INK <= faint < _FAINTER * every else [])]


def halfway(ink: Bytes, weights: Floats) -> float:
    """Returns the difference at edges: the mean, by how much each pixel is at an edge."""
    total = float(weights.sum())
    return float((weights * ink).sum()) / total if total else 0.0


def slopes(ink: Bytes) -> Floats:
    """Returns how steeply differences change at each pixel."""
    signed = ink.astype(np.float32)
    steep = np.zeros_like(signed)
    steep[:, 1:-1] += np.abs(signed[:, 2:] - signed[:, :-2])
    steep[1:-1] += np.abs(signed[2:] - signed[:-2])
    return steep
