"""A picture without transparency: what is seen of it on paper."""

import numpy as np
from PIL import Image

WHITE, BLACK = 255, 0
_MIDDLE = 127.5


def on_white(picture: Image.Image, mode: str) -> Image.Image:
    """Returns a picture as it looks on white paper.

    Args:
        picture: The picture.
        mode: L or RGB.
    """
    return _on(picture, WHITE).convert(mode)


def so_that_it_is_seen(picture: Image.Image) -> Image.Image:
    """Returns a picture in colours, on white, or on black if what is drawn on a transparent page is light."""
    if not picture.mode.endswith("A"):
        return picture.convert("RGB")
    light, alpha = (np.asarray(band, np.float32) for band in picture.convert("LA").split())
    if alpha.min() == WHITE or not alpha.any():
        return on_white(picture, "RGB")
    shade = float((light * alpha).sum() / alpha.sum())
    return _on(picture, BLACK if shade > _MIDDLE else WHITE).convert("RGB")


def _on(picture: Image.Image, shade: int) -> Image.Image:
    if not picture.mode.endswith("A"):
        return picture
    colours = picture.convert("RGBA")
    page = Image.new("RGBA", picture.size, (shade, shade, shade, WHITE))
    return Image.alpha_composite(page, colours)
