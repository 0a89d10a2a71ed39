"""A digit that is drawn with a pen, as a PNG and as text for a terminal."""

from collections.abc import Mapping, Sequence
from io import BytesIO

from PIL import Image, ImageDraw

Stroke = Sequence[tuple[float, float]]
"""Points of a stroke, from the left (0 to 1) and from the top (0 to 1)."""

DIGITS: Mapping[int, Sequence[Stroke]] = {
    2: [[(0.28, 0.3), (0.36, 0.18), (0.52, 0.13), (0.67, 0.22), (0.68, 0.38), (0.55, 0.58), (0.3, 0.85), (0.74, 0.83)]],
    4: [[(0.52, 0.12), (0.24, 0.6), (0.78, 0.57)], [(0.62, 0.36), (0.58, 0.9)]],
    7: [[(0.25, 0.18), (0.74, 0.15), (0.58, 0.5), (0.45, 0.9)]],
}
SIZE = 320
"""Pixels of the paper's sides."""
PEN = 18
"""Width of the pen, in pixels."""


def drawn(digit: int) -> Image.Image:
    paper = Image.new("RGB", (SIZE, SIZE), "white")
    pen = ImageDraw.Draw(paper)
    for stroke in DIGITS[digit]:
        points = [(x * SIZE, y * SIZE) for x, y in stroke]
        pen.line(points, fill="black", width=PEN)
        for x, y in points:  # round ends and corners
            pen.ellipse((x - PEN / 2, y - PEN / 2, x + PEN / 2, y + PEN / 2), fill="black")
    return paper


def as_png(picture: Image.Image) -> bytes:
    """Returns a picture as the file that a browser would send."""
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def as_text(picture: Image.Image, columns: int = 28) -> str:
    """Returns a dark drawing as text: a character holds two pixels, one above the other."""
    small = picture.convert("L").resize((columns, columns // 2 * 2), Image.Resampling.BOX)
    dark = [[small.getpixel((x, y)) < 160 for x in range(small.width)] for y in range(small.height)]  # type: ignore[operator]
    blocks = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
    rows = zip(dark[::2], dark[1::2], strict=True)
    return "\n".join("".join(blocks[pair] for pair in zip(upper, lower, strict=True)).rstrip() for upper, lower in rows)
