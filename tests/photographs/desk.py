"""Photographs at a desk: with objects beside the sheet, in pencil, too close, or with a moving hand."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tests.photographs import paper
from tests.photographs.camera import Light, jpeg, lit, seen_from, taken
from tests.photographs.paper import Array, Draw
from tests.photographs.pen import line
from tests.photographs.writing import pick, place, strokes

PENS = ((25, 25, 30), (200, 30, 40), (30, 60, 170), (225, 190, 60), (235, 235, 235), (120, 125, 130))
SHAPES = ((1200, 900), (900, 1200), (1600, 1200))


def desk(digit: Array, draw: Draw) -> bytes:
    """A sheet or a note on a table of wood, with a pen on it or beside it, holes and a margin."""
    shape = SHAPES[draw.integers(3)]
    sheet = paper.blank((1000, 1000), pick(paper.COLOURS, draw), draw, texture=draw.uniform(0.5, 2))
    if draw.random() < 0.5:
        paper.rule(sheet, int(draw.uniform(35, 80)), (170, 185, 215), squared=bool(draw.random() < 0.3), width=2)
        paper.frame(sheet, (-9, -9, int(draw.uniform(60, 140)), 1009), (215, 110, 115), 3)
    if draw.random() < 0.4:
        _holes(sheet, draw)
    size = int(draw.uniform(200, 650))
    sheet.written(strokes(digit, size, draw), pick(paper.INKS, draw), place(sheet, size, draw, 0.3))
    margin = draw.uniform(0.05, 0.2)
    scene = seen_from(sheet.pixels, _wood(shape, draw), draw, tilt=0.04, turn=draw.normal(0, 8), margin=margin)
    if draw.random() < 0.7:
        _pen(scene, draw)
    return _taken(scene, draw)


def pencil(digit: Array, draw: Draw) -> bytes:
    """Gray, thin strokes that the grain of the paper shows through, often on ruled or squared paper."""
    sheet = paper.blank((1200, 1200), pick({name: paper.COLOURS[name] for name in ("white", "cream")}, draw), draw)
    if draw.random() < 0.5:
        paper.rule(sheet, int(draw.uniform(40, 110)), (195, 210, 228), squared=bool(draw.random() < 0.5), width=2)
    size = int(draw.uniform(250, 900))
    ink = line(digit, size, draw.uniform(5, 12), draw, shaky=0.1)
    grain = np.clip(0.75 + 0.3 * paper.waves(ink.shape, 2, draw), 0.15, 1)
    grey = int(draw.integers(95, 165))
    sheet.written(ink, (grey, grey, grey + 3), place(sheet, size, draw), grain)
    margin = draw.choice([-0.1, -0.03, 0.04])
    shape = SHAPES[draw.integers(3)]
    return _taken(
        seen_from(sheet.pixels, _wood(shape, draw), draw, tilt=0.05, turn=draw.normal(0, 6), margin=margin), draw
    )


def close(digit: Array, draw: Draw) -> bytes:
    """A digit that fills the photograph, or is cut a little by its edge."""
    sheet = paper.blank((1000, 1000), pick(paper.COLOURS, draw), draw)
    size = int(draw.uniform(1050, 1450))
    ink = line(digit, size, size * draw.uniform(0.02, 0.1), draw, shaky=0.1)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    cut = [max(side - 980, 0) // 2 for side in ink.shape]
    ink = ink[cut[0] : ink.shape[0] - cut[0], cut[1] : ink.shape[1] - cut[1]]
    at = [int(max(1000 - side, 0) * draw.uniform(0.2, 0.8)) for side in ink.shape]
    sheet.written(ink, pick(paper.INKS, draw), (at[0], at[1]))
    shape = ((1000, 1000), (1200, 1000))[draw.integers(2)]
    return _taken(
        seen_from(sheet.pixels, _wood(shape, draw), draw, tilt=0.01, turn=draw.normal(0, 2), margin=-0.015), draw
    )


def moving(digit: Array, draw: Draw) -> bytes:
    """A photograph by a hand that moves, or out of focus."""
    sheet = paper.blank((1000, 1000), pick(paper.COLOURS, draw), draw)
    size = int(draw.uniform(300, 800))
    sheet.written(strokes(digit, size, draw), pick(paper.INKS, draw), place(sheet, size, draw))
    shape = SHAPES[draw.integers(3)]
    margin = draw.choice([-0.1, -0.03, 0.06])
    scene = seen_from(sheet.pixels, _wood(shape, draw), draw, tilt=0.05, turn=draw.normal(0, 6), margin=margin)
    angle, steps = draw.uniform(0, 2 * np.pi), int(draw.integers(6, 22))
    blurred = sum(np.roll(scene, (round(at * np.sin(angle)), round(at * np.cos(angle))), (0, 1)) for at in range(steps))
    return _taken(np.asarray(blurred) / steps, draw, blur=draw.uniform(0.5, 4))


def _wood(shape: tuple[int, int], draw: Draw) -> Array:
    """Returns a table with a strong grain, or one that is even."""
    if draw.random() < 0.3:
        return paper.table(shape, draw)
    base = np.asarray(((105, 70, 45), (170, 130, 90), (75, 50, 35), (200, 175, 140))[draw.integers(4)])
    rings = paper.waves((shape[0], 9), 4, draw) * 40 + np.arange(shape[0])[:, None] * draw.uniform(0.02, 0.2)
    along = np.asarray(Image.fromarray(rings.astype(np.float32)).resize(shape[::-1], Image.Resampling.BICUBIC))
    scene: Array = base * (1 + 0.18 * np.sin(along / 2) + 0.06 * paper.waves(shape, 3, draw))[..., None]
    return scene.astype(np.float32)


def _holes(sheet: paper.Sheet, draw: Draw) -> None:
    """Punches a row of holes along the left edge, through which one sees the table."""
    page = Image.new("L", (1000, 1000))
    apart, radius = draw.choice([(30, 9), (250, 20)])
    for y in range(int(apart) // 2, 1000, int(apart)):
        ImageDraw.Draw(page).ellipse((35 - radius, y - radius, 35 + radius, y + radius), fill=255)
    sheet.written(np.asarray(page, np.float32) / 255, (70, 50, 40), (0, 0))


def _pen(scene: Array, draw: Draw) -> None:
    """Lays a pen at one side, with its shadow."""
    high, wide = scene.shape[:2]
    x = wide * (draw.uniform(0.03, 0.13) if draw.random() < 0.5 else draw.uniform(0.87, 0.97))
    y, long, thick = high * draw.uniform(0.2, 0.5), high * draw.uniform(0.3, 0.5), max(wide, high) * 0.018
    lean = draw.uniform(-0.12, 0.12) * long
    colour = np.asarray(PENS[draw.integers(len(PENS))], np.float32)
    for width, off, shade in ((1.0, 0.5, None), (1.0, 0.0, colour), (0.25, -0.2, np.minimum(colour + 70, 255))):
        page = Image.new("L", (wide, high))
        start = x + off * thick
        ImageDraw.Draw(page).line((start, y, start + lean, y + long), fill=255, width=max(round(width * thick), 1))
        share = (
            np.asarray(page.filter(ImageFilter.GaussianBlur(6 if shade is None else 1)), np.float32)[..., None] / 255
        )
        scene += share * ((0.55 * scene if shade is None else shade) - scene)


def _taken(scene: Array, draw: Draw, blur: float | None = None) -> bytes:
    """Returns the JPEG of a phone that sharpens edges."""
    light = Light(draw.uniform(0, 0.5), int(draw.integers(0, 2)), draw.uniform(0.2, 0.5), 0.08, draw.uniform(0.6, 1))
    soft = draw.uniform(0.4, 1.5) if blur is None else blur
    picture = taken(lit(scene, light, draw), draw, blur=soft, noise=draw.uniform(1, 7))
    sharp = picture.filter(ImageFilter.UnsharpMask(2, int(draw.integers(0, 180)), 2))
    return jpeg(sharp, int(draw.integers(55, 92)), int(draw.choice([1, 1, 3, 6, 8])))
