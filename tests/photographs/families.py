"""Photographs of digits, in families that people send."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tests.photographs import paper
from tests.photographs.camera import Light, jpeg, lit, png, seen_from, taken
from tests.photographs.desk import close, desk, moving, pencil
from tests.photographs.elsewhere import far, text, whiteboard
from tests.photographs.paper import Array, Draw
from tests.photographs.pen import line
from tests.photographs.writing import photographed, pick, place, strokes

Family = Callable[[Array, Draw], bytes]


@dataclass(frozen=True)
class Photograph:
    """A photograph of a digit."""

    data: bytes
    label: int


def photographs(family: str, digits: Array, labels: Array, count: int, seed: int) -> Iterator[Photograph]:
    """Yields photographs of a family: the same ones for the same seed."""
    draws = np.random.default_rng([seed, *family.encode()])
    for at in draws.permutation(len(digits))[:count]:
        yield Photograph(FAMILIES[family](digits[at], np.random.default_rng(draws.integers(2**32))), int(labels[at]))


def phone(digit: Array, draw: Draw) -> bytes:
    """A phone's photograph of a sheet on a table, in the light of a room."""
    high, wide = ((1200, 900), (900, 1200), (1600, 1200), (1152, 1536))[draw.integers(4)]
    sheet = paper.blank((1000, 1000), pick(paper.COLOURS, draw), draw, texture=draw.uniform(0.5, 2.5))
    size = int(draw.uniform(250, 900))
    ink = strokes(digit, size, draw)
    dense = np.clip(0.9 + 0.1 * paper.waves(ink.shape, max(size // 40, 2), draw), 0.5, 1)
    sheet.written(ink, pick(paper.INKS, draw), place(sheet, size, draw), dense)
    if draw.random() < 0.3:
        paper.specks(sheet, int(draw.integers(3, 40)), draw.uniform(1, 4), draw)
    if draw.random() < 0.3:
        paper.crumple(sheet, 0.15, draw)
    return photographed(sheet, (high, wide), draw)


def ruled(digit: Array, draw: Draw) -> bytes:
    """As `phone`, on ruled or squared paper."""
    sheet = paper.blank((1000, 1000), paper.COLOURS["white"], draw)
    squared = bool(draw.random() < 0.5)
    size = int(draw.uniform(250, 800))
    paper.rule(sheet, int(draw.uniform(40, 160)), _print(draw), squared=squared, width=int(draw.integers(2, 5)))
    sheet.written(strokes(digit, size, draw), pick(paper.INKS, draw), place(sheet, size, draw))
    return photographed(sheet, (1200, 900), draw)


def squared(digit: Array, draw: Draw) -> bytes:
    """Pencil or pen on paper with small squares, whose lines are nearly as dark."""
    sheet = paper.blank((1000, 1000), paper.COLOURS["white"], draw)
    size = int(draw.uniform(150, 600))
    paper.rule(sheet, int(draw.uniform(18, 60)), _print(draw, 0.4, 0.8), squared=True, width=int(draw.integers(1, 4)))
    ink = line(digit, size, draw.uniform(6, 16), draw, shaky=draw.uniform(0, 0.2))
    sheet.written(ink, pick(paper.INKS, draw), place(sheet, size, draw))
    return photographed(sheet, (1200, 900), draw)


def _print(draw: Draw, least: float = 0.15, most: float = 0.6) -> tuple[int, int, int]:
    """Returns a bluish colour of lines."""
    part = draw.uniform(least, most)
    return int(238 - 150 * part), int(238 - 110 * part), int(236 - 60 * part)


def scan(digit: Array, draw: Draw) -> bytes:
    """A scan of a form, with a printed frame around the digit."""
    side = int(draw.uniform(150, 1200))
    sheet = paper.blank((side, side), (250, 250, 248), draw, texture=0.5)
    size = int(side * draw.uniform(0.4, 0.8))
    row, column = place(sheet, size, draw, 0.2)
    space = side * draw.uniform(0.0, 0.08)
    box = [int(x) for x in (column - space, row - space, column + size + space, row + size + space)]
    box = [min(max(edge, 2), side - 3) for edge in box]
    grey = int(draw.integers(0, 140))
    paper.frame(sheet, (box[0], box[1], box[2], box[3]), (grey,) * 3, max(int(side * draw.uniform(0.003, 0.02)), 1))
    sheet.written(strokes(digit, size, draw), pick(paper.INKS, draw), (row, column))
    scene = seen_from(
        sheet.pixels, np.full((side, side, 3), 255, np.float32), draw, tilt=0, turn=draw.normal(0, 1.5), margin=0
    )
    picture = taken(scene, draw, blur=0.5, noise=draw.uniform(0, 3))
    return jpeg(picture, 85) if draw.random() < 0.5 else png(picture.convert("L"))


def box(digit: Array, draw: Draw) -> bytes:
    """A scan of a form: a digit that touches the box for it, or crosses it."""
    side = int(draw.uniform(150, 900))
    sheet = paper.blank((side, side), (250, 250, 248), draw, texture=0.5)
    size = int(side * draw.uniform(0.5, 0.7))
    row, column = place(sheet, size, draw, 0.1)
    inner = size * draw.uniform(0.04, 0.12)
    left, top, right, bottom = column + inner, row + inner, column + size - inner, row + size - inner
    width = max(int(side * draw.uniform(0.003, 0.01)), 1)
    paper.frame(sheet, (int(left), int(top), int(right), int(bottom)), (int(draw.integers(0, 140)),) * 3, width)
    ink = line(digit, size, size * draw.uniform(0.04, 0.09), draw, shaky=0.1)
    sheet.written(ink, pick(paper.INKS, draw), (row, column))
    scene = seen_from(
        sheet.pixels, np.full((side, side, 3), 255, np.float32), draw, tilt=0, turn=draw.normal(0, 1.5), margin=0
    )
    return jpeg(taken(scene, draw, blur=0.5, noise=draw.uniform(0, 3)), 85)


def mouse(digit: Array, draw: Draw) -> bytes:
    """A drawing of a mouse, on a white, black or transparent page."""
    side = int(draw.choice([140, 200, 280, 400, 560]))
    size = int(side * draw.uniform(0.6, 1.25))
    ink = line(digit, size, side * draw.uniform(0.02, 0.09), draw, shaky=draw.uniform(0.1, 0.4))
    if draw.random() < 0.5:
        ink = (ink > 0.5).astype(np.float32)
    page = np.zeros((side, side), np.float32)
    offset = (side - size) // 2
    if offset >= 0:
        page[offset : offset + size, offset : offset + size] = ink
    else:
        page[:] = ink[-offset : side - offset, -offset : side - offset]
    kind = draw.choice(["white", "black", "dark on clear", "light on clear"])
    if kind == "white":
        return png(Image.fromarray((255 - 255 * page).astype(np.uint8)))
    if kind == "black":
        return png(Image.fromarray((255 * page).astype(np.uint8)))
    shade = np.full((side, side), 0 if kind == "dark on clear" else 255, np.uint8)
    return png(Image.merge("LA", [Image.fromarray(shade), Image.fromarray((255 * page).astype(np.uint8))]))


def marker(digit: Array, draw: Draw) -> bytes:
    """A digit that fills the sheet, in thick strokes of a marker."""
    sheet = paper.blank((900, 900), pick(paper.COLOURS, draw), draw)
    size = int(draw.uniform(600, 950))
    ink = line(digit, size, size * draw.uniform(0.1, 0.17), draw, shaky=0.1)
    sheet.written(ink, pick(paper.INKS, draw), place(sheet, size, draw))
    return photographed(sheet, (900, 900), draw)


def hairline(digit: Array, draw: Draw) -> bytes:
    """A digit in strokes of a hair's width, in a large photograph or a scan."""
    sheet = paper.blank((1200, 1200), paper.COLOURS["white"], draw, texture=1)
    size = int(draw.uniform(500, 1100))
    ink = line(digit, size, draw.uniform(1.5, 4), draw, shaky=draw.uniform(0, 0.2))
    sheet.written(ink, pick(paper.INKS, draw), place(sheet, size, draw))
    if draw.random() < 0.5:
        return jpeg(taken(sheet.pixels, draw, blur=0.4, noise=1.5), 85)
    scene = seen_from(
        sheet.pixels, paper.table((1200, 1200), draw), draw, tilt=0.04, turn=draw.normal(0, 5), margin=-0.05
    )
    light = Light(draw.uniform(0, 0.5), 1, 0.3)
    return jpeg(taken(lit(scene, light, draw), draw, blur=0.4, noise=draw.uniform(1, 3)), 85)


def light_on_dark(digit: Array, draw: Draw) -> bytes:
    """Chalk on a board, or a screen."""
    sheet = paper.blank((900, 900), pick(paper.DARK, draw), draw, texture=draw.uniform(0.5, 3))
    sheet.pixels[:] += 6 * np.maximum(paper.waves((900, 900), 120, draw), 0)[..., None]
    size = int(draw.uniform(250, 850))
    ink = line(digit, size, size * draw.uniform(0.02, 0.09), draw, shaky=0.1)
    dense = np.clip(0.85 + 0.25 * paper.waves(ink.shape, 3, draw), 0.3, 1)
    sheet.written(ink, pick(paper.CHALKS, draw), place(sheet, size, draw), dense)
    return photographed(sheet, (1000, 1000), draw)


def small(digit: Array, draw: Draw) -> bytes:
    """A picture of 28 to 120 pixels, dark on light or light on dark."""
    side = int(draw.integers(28, 121))
    sheet = paper.blank((280, 280), pick(paper.COLOURS, draw), draw, texture=1)
    size = int(draw.uniform(180, 300))
    ink = strokes(digit, size, draw)
    top = max((size - 280) // 2, 0)
    sheet.written(ink[top : top + 280, top : top + 280], pick(paper.INKS, draw), place(sheet, size, draw))
    picture = taken(lit(sheet.pixels, Light(draw.uniform(0, 0.4)), draw), draw, noise=2)
    picture = picture.resize((side, side), Image.Resampling.BICUBIC)
    if draw.random() < 0.3:
        picture = Image.eval(picture, lambda value: 255 - value)
    kind = draw.choice(["jpeg", "png", "webp"])
    if kind == "jpeg":
        return jpeg(picture, 80)
    if kind == "png":
        return png(picture)
    to = io.BytesIO()
    picture.save(to, "WEBP", quality=80)
    return to.getvalue()


def original(digit: Array, draw: Draw) -> bytes:
    """The digit as MNIST has it, light on dark or dark on light."""
    return png(Image.fromarray(digit if draw.random() < 0.5 else 255 - digit))


def large(digit: Array, draw: Draw) -> bytes:
    """As `phone`, of 12 megapixels."""
    sheet = paper.blank((1500, 1500), pick(paper.COLOURS, draw), draw, texture=2)
    size = int(draw.uniform(400, 1300))
    sheet.written(strokes(digit, size, draw), pick(paper.INKS, draw), place(sheet, size, draw))
    return photographed(sheet, (3024, 4032), draw)


FAMILIES: dict[str, Family] = {
    "phone": phone,
    "ruled": ruled,
    "squared": squared,
    "scan": scan,
    "box": box,
    "mouse": mouse,
    "marker": marker,
    "hairline": hairline,
    "light on dark": light_on_dark,
    "small": small,
    "far": far,
    "text": text,
    "whiteboard": whiteboard,
    "desk": desk,
    "pencil": pencil,
    "close": close,
    "moving": moving,
    "original": original,
    "large": large,
}
