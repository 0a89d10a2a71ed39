"""Photographs of digits elsewhere than on a sheet in front of its writer: on a board, between print, far away."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from tests.photographs import paper
from tests.photographs.camera import Light, jpeg, lit, seen_from, taken
from tests.photographs.paper import Array, Draw
from tests.photographs.pen import line
from tests.photographs.writing import photographed, pick, place

MARKERS = {"black": (40, 40, 45), "blue": (40, 70, 170), "red": (200, 50, 50), "green": (30, 130, 80)}
LETTERS = "abcdefghijklmnopqrstuvwxyzaeiourstln    .,"


def whiteboard(digit: Array, draw: Draw) -> bytes:
    """A marker's strokes on a glossy board that was wiped before."""
    sheet = paper.blank((1000, 1000), (226, 228, 230), draw, texture=0.5)
    for _ in range(int(draw.integers(0, 3))):
        old = line(np.roll(digit, 3, 0)[:, ::-1], 500, 25, draw, shaky=0.2)
        old = np.asarray(Image.fromarray((255 * old).astype(np.uint8)).filter(ImageFilter.GaussianBlur(6))) / 255
        sheet.written(
            old, pick(MARKERS, draw), (int(draw.integers(0, 500)), int(draw.integers(0, 500))), draw.uniform(0.05, 0.2)
        )
    size = int(draw.uniform(180, 850))
    ink = line(digit, size, draw.uniform(12, 30) * (1 if size > 300 else 0.7), draw, shaky=0.1)
    dense = np.clip(0.8 + 0.2 * paper.waves(ink.shape, max(size // 60, 2), draw), 0.4, 1)
    sheet.written(ink, pick(MARKERS, draw), place(sheet, size, draw), dense)
    shape = ((900, 1200), (1200, 900), (1200, 1600))[draw.integers(3)]
    scene = seen_from(
        sheet.pixels,
        paper.table(shape, draw),
        draw,
        tilt=0.06,
        turn=draw.normal(0, 4),
        margin=draw.choice([-0.2, -0.1, 0.03]),
    )
    light = Light(draw.uniform(0.1, 0.6), int(draw.integers(0, 2)), 0.3, 0.08, draw.uniform(0.6, 1))
    scene = _glare(lit(scene, light, draw), draw, draw.uniform(0.2, 0.9))
    return jpeg(taken(scene, draw, blur=draw.uniform(0.4, 1.5), noise=draw.uniform(1, 6)), int(draw.integers(50, 90)))


def _glare(scene: Array, draw: Draw, most: float) -> Array:
    """Adds the reflections of a glossy surface: lamps, and a window with sharp or soft edges."""
    high, wide = scene.shape[:2]
    page = Image.new("L", (wide // 4, high // 4))
    pen = ImageDraw.Draw(page)
    for _ in range(int(draw.integers(1, 4))):
        x, y = draw.uniform(0, wide / 4), draw.uniform(0, high / 4)
        a, b = draw.uniform(0.03, 0.2, 2) * max(wide, high) / 4
        shape = pen.ellipse if draw.random() < 0.5 else pen.rectangle
        shape((x - a, y - b, x + a, y + b), fill=int(draw.integers(60, 256)))
    soft = page.filter(ImageFilter.GaussianBlur(float(draw.choice([2, 6, 15]))))
    field = np.asarray(soft.resize((wide, high), Image.Resampling.BICUBIC), np.float32)[..., None] / 255
    return scene + most * field * (255 - 0.5 * scene)


def text(digit: Array, draw: Draw) -> bytes:
    """A digit on a form, with print above and below it, and beside it."""
    sheet = paper.blank(
        (1000, 1000), pick({"white": paper.COLOURS["white"], "cream": paper.COLOURS["cream"]}, draw), draw
    )
    size = int(draw.uniform(250, 550))
    row, column = place(sheet, size, draw, 0.6)
    page = Image.new("L", (1000, 1000))
    pen = ImageDraw.Draw(page)
    height = draw.uniform(14, 46)
    font = ImageFont.load_default(height)
    y = draw.uniform(0, 60)
    while y < 960:
        inside = y + height * 1.2 > row + size * 0.1 and y < row + size * 0.9
        if not inside:
            pen.text(
                (draw.uniform(20, 60), y),
                _words(draw, int(draw.uniform(0.5, 1.8) * 1000 / height)),
                fill=255,
                font=font,
            )
        elif draw.random() < 0.5 and column > 150:
            pen.text((20, y), _words(draw, int(column / height)), fill=255, font=font)
        y += height * draw.choice([1.4, 1.6, 2.5])
    grey = int(draw.integers(20, 120))
    sheet.written(np.asarray(page, np.float32) / 255, (grey, grey, grey), (0, 0))
    ink = line(digit, size, max(size * draw.uniform(0.02, 0.07), 6), draw, shaky=0.1)
    sheet.written(ink, pick(paper.INKS, draw), (row, column))
    return photographed(sheet, (1200, 900), draw)


def _words(draw: Draw, length: int) -> str:
    """Returns letters that look like words."""
    return "".join(LETTERS[at] for at in draw.integers(0, len(LETTERS), length))


def far(digit: Array, draw: Draw) -> bytes:
    """A small digit on a large sheet."""
    sheet = paper.blank((1400, 1400), pick(paper.COLOURS, draw), draw)
    size = int(draw.uniform(80, 180))
    ink = line(digit, size, max(size * draw.uniform(0.03, 0.09), 4), draw, shaky=0.1)
    sheet.written(ink, pick(paper.INKS, draw), place(sheet, size, draw, 0.8))
    return photographed(sheet, (1600, 1200), draw)
