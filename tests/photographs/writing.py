"""Shared steps of all families: the place of a digit, its strokes, and its photograph by a phone."""

import numpy as np

from tests.photographs import paper
from tests.photographs.camera import Light, jpeg, lit, seen_from, taken
from tests.photographs.paper import Array, Draw
from tests.photographs.pen import line, outline


def pick(among: dict[str, tuple[int, int, int]], draw: Draw) -> tuple[int, int, int]:
    return among[str(draw.choice(list(among)))]


def place(sheet: paper.Sheet, size: int, draw: Draw, spread: float = 0.5) -> tuple[int, int]:
    """Returns row and column of an object of `size` pixels, near the middle of a sheet."""
    high, wide = sheet.pixels.shape[:2]
    room = np.maximum(np.array([high, wide]) - size, 0)
    row, column = (room * (0.5 + spread * draw.uniform(-0.5, 0.5, 2))).astype(int)
    return int(row), int(column)


def strokes(digit: Array, size: int, draw: Draw) -> Array:
    """Returns the strokes of a digit as MNIST has them, or as a pen draws them."""
    if draw.random() < 0.5:
        return outline(digit, size, thicker=draw.uniform(-0.5, 0.5))
    return line(digit, size, size * draw.uniform(0.025, 0.1), draw, shaky=draw.uniform(0, 0.25))


def photographed(sheet: paper.Sheet, shape: tuple[int, int], draw: Draw) -> bytes:
    """Returns the JPEG of a phone that looks at a sheet on a table, in the light of a room."""
    margin = draw.choice([-0.12, -0.05, 0.02, 0.08])
    scene = seen_from(sheet.pixels, paper.table(shape, draw), draw, tilt=0.06, turn=draw.normal(0, 7), margin=margin)
    light = Light(draw.uniform(0, 0.6), int(draw.integers(0, 3)), draw.uniform(0.2, 0.6), 0.08, draw.uniform(0.6, 1.05))
    picture = taken(lit(scene, light, draw), draw, blur=draw.uniform(0.3, 2), noise=draw.uniform(1, 8))
    return jpeg(picture, int(draw.integers(50, 95)), int(draw.choice([1, 1, 3, 6, 8])))
