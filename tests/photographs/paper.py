"""Backgrounds of digits: sheets of several colours, ruled or squared, crumpled, with specks, on a table."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Array = np.ndarray[Any, Any]
Draw = np.random.Generator

COLOURS = {
    "white": (238, 238, 236),
    "cream": (240, 230, 205),
    "yellow": (245, 225, 120),
    "pink": (240, 190, 195),
    "blue": (185, 210, 235),
    "green": (190, 225, 185),
    "grey": (190, 190, 188),
    "brown": (190, 155, 115),
}
INKS = {
    "black": (25, 25, 28),
    "blue": (30, 45, 120),
    "red": (185, 35, 40),
    "green": (20, 95, 60),
    "pencil": (105, 105, 108),
    "washed": (70, 85, 150),
}
DARK = {"blackboard": (38, 52, 46), "slate": (50, 52, 56), "screen": (12, 12, 14), "navy": (20, 28, 60)}
CHALKS = {"white": (225, 225, 220), "yellow": (230, 215, 120), "pink": (225, 160, 170), "cyan": (120, 220, 225)}


@dataclass(frozen=True)
class Sheet:
    """A sheet of paper: how bright each pixel is in each colour, from 0 to 255, and ink on it."""

    pixels: Array

    def written(
        self, ink: Array, colour: tuple[int, int, int], at: tuple[int, int], density: Array | float = 1.0
    ) -> None:
        """Writes ink from 0 to 1 with its upper left corner at `at`, (row, column)."""
        (row, column), (high, wide) = at, ink.shape
        part = self.pixels[row : row + high, column : column + wide]
        share = (ink * density)[: part.shape[0], : part.shape[1], None]
        part += share * (np.asarray(colour, np.float32) - part)


def waves(shape: tuple[int, int], cell: int, draw: Draw) -> Array:
    """Returns smooth noise of about 0 ± 1, whose hills are `cell` pixels apart."""
    small = (max(shape[0] // cell, 1) + 3, max(shape[1] // cell, 1) + 3)
    noise = Image.fromarray(draw.normal(0, 1, small).astype(np.float32))
    return np.asarray(noise.resize((shape[1], shape[0]), Image.Resampling.BICUBIC), np.float32)


def blank(shape: tuple[int, int], colour: tuple[int, int, int], draw: Draw, *, texture: float = 2.0) -> Sheet:
    """Returns an empty sheet with the grain of paper."""
    pixels = np.empty((*shape, 3), np.float32)
    pixels[:] = colour
    grain = texture * (waves(shape, 3, draw) + waves(shape, 40, draw))
    pixels += grain[..., None]
    return Sheet(pixels)


def rule(sheet: Sheet, gap: int, colour: tuple[int, int, int], *, squared: bool, width: int) -> None:
    """Rules a sheet with lines `gap` pixels apart, or squares."""
    high, wide = sheet.pixels.shape[:2]
    page = Image.new("L", (wide, high))
    pen = ImageDraw.Draw(page)
    for y in range(gap // 2, high, gap):
        pen.line((0, y, wide, y), fill=255, width=width)
    for x in range(gap // 3, wide, gap) if squared else (gap,):
        pen.line((x, 0, x, high), fill=255, width=width)
    sheet.written(np.asarray(page.filter(ImageFilter.GaussianBlur(0.6)), np.float32) / 255, colour, (0, 0))


def frame(sheet: Sheet, box: tuple[int, int, int, int], colour: tuple[int, int, int], width: int) -> None:
    """Prints a rectangle around (left, top, right, bottom)."""
    page = Image.new("L", sheet.pixels.shape[1::-1])
    ImageDraw.Draw(page).rectangle(box, outline=255, width=width)
    sheet.written(np.asarray(page, np.float32) / 255, colour, (0, 0))


def specks(sheet: Sheet, count: int, size: float, draw: Draw) -> None:
    """Puts dust and dots of ink on a sheet."""
    high, wide = sheet.pixels.shape[:2]
    page = Image.new("L", (wide, high))
    pen = ImageDraw.Draw(page)
    for _ in range(count):
        x, y, r = draw.uniform(0, wide), draw.uniform(0, high), draw.uniform(0.5, 1) * size
        pen.ellipse((x - r, y - r, x + r, y + r), fill=int(draw.integers(90, 230)))
    sheet.written(np.asarray(page, np.float32) / 255, (60, 60, 60), (0, 0))


def crumple(sheet: Sheet, strength: float, draw: Draw) -> None:
    """Makes folds: one side of each is a little darker."""
    high, wide = sheet.pixels.shape[:2]
    yy, xx = np.mgrid[0:high, 0:wide].astype(np.float32) / max(high, wide)
    light = np.ones((high, wide), np.float32)
    for _ in range(int(draw.integers(2, 6))):
        angle, offset = draw.uniform(0, np.pi), draw.uniform(0.2, 0.8)
        side = (xx - offset) * np.cos(angle) + (yy - offset) * np.sin(angle)
        light -= strength * draw.uniform(0.3, 1) * np.exp(-np.abs(side) / 0.05) * (side > 0)
    sheet.pixels[:] *= light[..., None]


def table(shape: tuple[int, int], draw: Draw) -> Array:
    """Returns a table of wood, cloth or stone."""
    base = np.asarray(
        ((95, 65, 42), (60, 58, 55), (150, 120, 90), (35, 40, 50), (120, 122, 125))[draw.integers(5)], np.float32
    )
    grain = waves((shape[0], max(shape[1] // 12, 2)), 6, draw)
    wood = Image.fromarray(grain).resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    strength = draw.uniform(1, 9)
    scene: Array = base + strength * np.asarray(wood)[..., None] + 2 * waves(shape, 2, draw)[..., None]
    return scene
