"""Finds possible ink on a picture in several layers: dark or light, in thin or thick strokes, strong or faint."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from epochal_photographs.digit.components import Components, components
from epochal_photographs.digit.features import Features, features
from epochal_photographs.digit.geometry import Bytes, Floats, Mask
from epochal_photographs.digit.morphology import maximum_filter, minimum_filter
from epochal_photographs.digit.shade import ink_of

WIDTHS = (0.05, 0.12, 0.3)
"""Maximum stroke widths of the layers, as fractions of the picture's longer side."""
LEAST_INK = 12.0
"""Minimum difference of shades between ink and its surroundings."""

_NOISE = 4
_FAINTER = 0.8


@dataclass(frozen=True)
class Layer:
    """The possible ink on a picture, for one kind of ink.

    Args:
        dark: Whether the ink is darker than the paper.
        widest: Window in pixels that is wider than every stroke of this kind.
        level: Minimum difference of shades between ink and its surroundings.
        ink: Difference of shades between each pixel and its surroundings.
        steep: Range of the shades near each pixel.
        mask: The pixels of which `ink` is at least `level`.
    """

    dark: bool
    widest: int
    level: float
    ink: Bytes
    steep: Bytes
    mask: Mask

    @cached_property
    def parts(self) -> Components:
        """The layer's parts: the connected components of its mask."""
        return components(self.mask)

    @cached_property
    def features(self) -> Features:
        """The features of the layer's parts."""
        return features(self.parts, self.ink, self.mask, self.steep, self.level)


def layers(shade: Bytes, blur: int) -> Iterator[Layer]:
    """Yield a layer of a picture for each kind of ink: each stroke width, dark and light, strong and also faint.

    `blur` is the width in pixels of the picture's blurred edges.
    """
    window = 2 * blur + 3
    steep = maximum_filter(shade, window) - minimum_filter(shade, window)
    for width in WIDTHS:
        widest = int(width * max(shade.shape)) | 1
        for dark in (True, False):
            ink = ink_of(shade, widest, dark=dark)
            for level in thresholds(ink):
                yield Layer(dark, widest, level, ink, steep, ink >= level)


def thresholds(ink: Bytes) -> list[float]:
    """Return one or two thresholds of ink: for all strokes, and for faint strokes if these need a lower threshold.

    A threshold is the mean value of `ink` on steep edges, which is halfway between paper and ink.
    """
    steep = slopes(ink)
    weights = np.square(np.maximum(steep - _NOISE * float(np.median(steep)), 0))
    every = halfway(ink, weights)
    faint = halfway(ink, weights * (ink < every))
    return [max(every, LEAST_INK), *([faint] if LEAST_INK <= faint < _FAINTER * every else [])]


def halfway(ink: Bytes, weights: Floats) -> float:
    """Return the mean of `ink`, weighted by `weights`: halfway between paper and ink if edges have the weights."""
    total = float(weights.sum())
    return float((weights * ink).sum()) / total if total else 0.0


def slopes(ink: Bytes) -> Floats:
    """Return at each pixel how much `ink` differs between the neighbours on both sides: the steepness of edges."""
    signed = ink.astype(np.float32)
    steep = np.zeros_like(signed)
    steep[:, 1:-1] += np.abs(signed[:, 2:] - signed[:, :-2])
    steep[1:-1] += np.abs(signed[2:] - signed[:-2])
    return steep
