"""Digits as strokes of a pen, at any size: of MNIST's 28 × 28 pixels, their outlines or the line that the pen went."""

from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Array = np.ndarray[Any, Any]
Draw = np.random.Generator

_FINE = 5
"""Pixels for one of MNIST, where the line that the pen went is looked for."""


def outline(digit: Array, size: int, *, thicker: float = 0.0) -> Array:
    """Returns the smooth outline of a digit as ink (0 to 1) of `size` × `size`; `thicker` is in pixels of MNIST."""
    large = Image.fromarray(digit).resize((size, size), Image.Resampling.BICUBIC)
    soft = large.filter(ImageFilter.GaussianBlur(size / 28 * 0.45))
    edge = 110 - 70 * thicker
    sharp = min(1.7 * 28 / size, 1)
    values = (np.asarray(soft, np.float32) - edge) / 255 / sharp + 0.5
    return np.clip(values, 0, 1)


def line(digit: Array, size: int, width: float, draw: Draw, *, shaky: float = 0.0) -> Array:
    """Returns ink (0 to 1) by a pen of a width that follows the strokes; `shaky` is in pixels of MNIST."""
    steps = _steps(digit, draw, shaky)
    scale = size / 28
    over = 2 if width < size / 40 else 1
    page = Image.new("L", (size * over, size * over))
    pen = ImageDraw.Draw(page)
    wide = max(width * over, 1)
    for (y0, x0), (y1, x1) in steps:
        a, b = (x0 * scale * over, y0 * scale * over), (x1 * scale * over, y1 * scale * over)
        pen.line((*a, *b), fill=255, width=round(wide))
        if wide > 3:
            for x, y in (a, b):
                pen.ellipse((x - wide / 2, y - wide / 2, x + wide / 2, y + wide / 2), fill=255)
    if over > 1:
        page = page.resize((size, size), Image.Resampling.BOX)
    return np.asarray(page, np.float32) / 255


def _steps(digit: Array, draw: Draw, shaky: float) -> list[tuple[Array, Array]]:
    """Returns the steps of the pen, in MNIST's pixels: pairs of points beside each other on the thinned strokes."""
    side = 28 * _FINE
    large = Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(1.5))
    thin = thinned(np.asarray(large) > 120)
    ys, xs = np.nonzero(thin)
    at = np.full((side + 2, side + 2), -1)
    at[ys + 1, xs + 1] = np.arange(len(ys))
    offsets = [(0, 1), (1, 0), (1, 1), (1, -1)]
    pairs = []
    for dy, dx in offsets:
        other = at[ys + 1 + dy, xs + 1 + dx]
        pairs += [(i, j) for i, j in enumerate(other) if j >= 0]
    points = np.stack([ys, xs], 1).astype(np.float64)
    near: list[list[int]] = [[i] for i in range(len(points))]
    for i, j in pairs:
        near[i].append(j)
        near[j].append(i)
    for _ in range(6):  # the staircase of pixels becomes a curve
        points = np.stack([points[of].mean(0) if len(of) > 2 else points[of[0]] for of in near])
    points = (points + 0.5) / _FINE
    if shaky:
        wave = Image.fromarray(draw.normal(0, 1, (9, 9, 2)).astype(np.float32)[..., 0]).resize((64, 64), 3)
        wave2 = Image.fromarray(draw.normal(0, 1, (9, 9)).astype(np.float32)).resize((64, 64), 3)
        where = np.clip((points * 2).astype(int), 0, 63)
        points[:, 0] += shaky * np.asarray(wave)[where[:, 0], where[:, 1]]
        points[:, 1] += shaky * np.asarray(wave2)[where[:, 0], where[:, 1]]
    if not pairs:
        return [(points[0], points[0] + 0.1)]
    return [(points[i], points[j]) for i, j in pairs]


def thinned(mask: Array) -> Array:
    """Returns a mask thinned to lines of one pixel: the algorithm of Zhang and Suen."""
    thin = np.pad(mask, 1).astype(np.uint8)
    while True:
        before = thin.sum()
        for step in (0, 1):
            ring = [
                thin[1 + dy : thin.shape[0] - 1 + dy, 1 + dx : thin.shape[1] - 1 + dx]
                for dy, dx in ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
            ]
            north, _, east, _, south, _, west, _ = ring
            count = sum(part.astype(np.int8) for part in ring)
            turns = sum(((a == 0) & (b == 1)).astype(np.int8) for a, b in zip(ring, ring[1:] + ring[:1], strict=True))
            first, second = (
                (north & east & south, east & south & west)
                if step == 0
                else (
                    north & east & west,
                    north & south & west,
                )
            )
            off = (count >= 2) & (count <= 6) & (turns == 1) & (first == 0) & (second == 0)
            thin[1:-1, 1:-1][off] = 0
        if thin.sum() == before:
            return thin[1:-1, 1:-1].astype(bool)
