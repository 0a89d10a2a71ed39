"""Several digits on one sheet, as a phone sees it."""

from tests.photographs import paper
from tests.photographs.camera import Light, jpeg, lit, seen_from, taken
from tests.photographs.paper import Array, Draw
from tests.photographs.pen import outline

APART = 0.62
"""How far digits are apart, as a part of the size of their images, which have some space around them."""


def sheet(digits: Array, draw: Draw) -> bytes:
    """Returns a photograph of digits beside each other, at most six."""
    page = paper.blank((800, 1100), paper.COLOURS["cream"], draw)
    size = int(draw.uniform(200, 260))
    for at, digit in enumerate(digits):
        left = int(30 + at * (APART + 0.1) * size)
        top = int(250 + draw.uniform(-30, 30))
        page.written(outline(digit, size, thicker=draw.uniform(-0.5, 0.2)), paper.INKS["blue"], (top, left))
    scene = seen_from(
        page.pixels, paper.table((900, 1200), draw), draw, tilt=0.03, turn=draw.normal(0, 3), margin=-0.02
    )
    light = Light(draw.uniform(0, 0.5), int(draw.integers(0, 2)), 0.4)
    return jpeg(taken(lit(scene, light, draw), draw, noise=draw.uniform(1, 5)), 80)
