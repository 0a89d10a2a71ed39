"""The camera's part of a photograph: light and shadow, perspective, blur, noise, and JPEG."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tests.photographs.paper import Array, Draw, waves

_TURNS = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}


@dataclass(frozen=True)
class Light:
    """How a scene is lit.

    Args:
        uneven: How much darker the darkest corner is, from 0 to 1.
        shadows: How many shadows fall on it.
        depth: How dark a shadow is, from 0 to 1.
        tint: How far the light is from white.
        exposure: By what all is multiplied.
    """

    uneven: float = 0.0
    shadows: int = 0
    depth: float = 0.5
    tint: float = 0.0
    exposure: float = 1.0


def lit(pixels: Array, light: Light, draw: Draw) -> Array:
    high, wide = pixels.shape[:2]
    small = (max(high // 4, 2), max(wide // 4, 2))
    yy, xx = (np.mgrid[0 : small[0], 0 : small[1]] / np.reshape(small, (2, 1, 1))).astype(np.float32)
    angle = draw.uniform(0, 2 * np.pi)
    slope = (xx - 0.5) * np.cos(angle) + (yy - 0.5) * np.sin(angle)
    field = 1 - light.uneven * (0.5 + 0.7 * slope + 0.1 * waves(small, max(small) // 3, draw))
    for _ in range(light.shadows):
        field *= 1 - light.depth * draw.uniform(0.5, 1) * _shadow(small, draw)
    field = np.asarray(Image.fromarray(field.astype(np.float32)).resize((wide, high), Image.Resampling.BICUBIC))
    colour = 1 + light.tint * draw.uniform(-1, 1, 3).astype(np.float32)
    scene: Array = pixels * (light.exposure * np.clip(field, 0.05, 1.2))[..., None] * colour
    return scene


def _shadow(shape: tuple[int, int], draw: Draw) -> Array:
    """Returns the shadow (0 to 1) of a hand or of a phone, with a sharp or soft edge."""
    high, wide = shape
    page = Image.new("L", (wide, high))
    pen = ImageDraw.Draw(page)
    cx, cy, size = draw.uniform(0, wide), draw.uniform(0, high), max(shape) * draw.uniform(0.2, 0.7)
    turns = np.sort(draw.uniform(0, 2 * np.pi, 6))
    points = [
        (cx + size * draw.uniform(0.6, 1) * np.cos(a), cy + size * draw.uniform(0.6, 1) * np.sin(a)) for a in turns
    ]
    pen.polygon(points, fill=255)
    soft = float(max(shape) * draw.choice([0.004, 0.012, 0.04, 0.08]))
    return np.asarray(page.filter(ImageFilter.GaussianBlur(soft)), np.float32) / 255


def seen_from(pixels: Array, surroundings: Array, draw: Draw, *, tilt: float, turn: float, margin: float) -> Array:
    """Returns a photograph of a sheet by a phone at a slant, with its surroundings.

    Args:
        surroundings: What is around it, of the size of the photograph.
        draw: What is drawn at random.
        tilt: How far each corner is off, as a part of the side.
        turn: Degrees by which the sheet is turned.
        margin: How much of the surroundings is seen on each side, as a part of the side; negative for a part of the
            sheet.
    """
    high, wide = surroundings.shape[:2]
    sheet_high, sheet_wide = pixels.shape[:2]
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
    target = margin + (1 - 2 * margin) * corners + draw.uniform(-tilt, tilt, (4, 2))
    middle, angle = target.mean(0), np.deg2rad(turn)
    aspect = np.array([wide, high], float)
    turned = (target - middle) * aspect @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    target = turned + middle * aspect
    matrix, right = [], []
    for (x, y), (u, v) in zip(target, corners * [sheet_wide, sheet_high], strict=True):
        matrix += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    given = tuple(np.linalg.solve(np.array(matrix), np.array(right)))
    flat = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    opaque = Image.new("L", flat.size, 255)
    scene = flat.transform((wide, high), Image.Transform.PERSPECTIVE, given, Image.Resampling.BICUBIC)
    share = opaque.transform((wide, high), Image.Transform.PERSPECTIVE, given, Image.Resampling.BILINEAR)
    covered = np.asarray(share, np.float32)[..., None] / 255
    return covered * np.asarray(scene, np.float32) + (1 - covered) * surroundings


def taken(pixels: Array, draw: Draw, *, blur: float = 0.6, noise: float = 3.0) -> Image.Image:
    picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(blur))
    values: Array = np.asarray(picture, np.float32)
    if noise:
        shape = values.shape[:2]
        grain = draw.standard_normal(shape, np.float32)[..., None]
        colours = np.asarray(
            Image.fromarray(draw.integers(0, 256, (shape[0] // 3 + 1, shape[1] // 3 + 1, 3), np.uint8)).resize(
                (shape[1], shape[0]), Image.Resampling.BILINEAR
            ),
            np.float32,
        )
        values = values + noise * grain + noise * (colours - 127.5) / 100
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def jpeg(picture: Image.Image, quality: int, orientation: int = 1, **options: Any) -> bytes:
    turn = _TURNS[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = picture if turn is None else picture.transpose(turn)
    to = io.BytesIO()
    stored.save(to, "JPEG", quality=quality, exif=exif, **options)
    return to.getvalue()


def png(picture: Image.Image) -> bytes:
    to = io.BytesIO()
    picture.save(to, "PNG")
    return to.getvalue()
