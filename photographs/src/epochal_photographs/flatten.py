"""Puts a picture with transparency on a white or black page."""

from PIL import Image, ImageChops, ImageStat

WHITE, BLACK = 255, 0
_MIDDLE = 127.5


def on_white(picture: Image.Image, mode: str) -> Image.Image:
    """Return a picture in Pillow's mode `mode`, with white in place of transparent parts."""
    flat = _on(picture, WHITE)
    return flat if flat.mode == mode else flat.convert(mode)


def on_contrasting_page(picture: Image.Image) -> Image.Image:
    """Return a picture in RGB, with white or black in place of transparent parts.

    The transparent parts become black if the other parts are light on average, else white.
    """
    if not picture.mode.endswith("A"):
        return on_white(picture, "RGB")
    alpha = picture.getchannel("A")
    if alpha.getextrema() in {(WHITE, WHITE), (0, 0)}:
        return on_white(picture, "RGB")
    drawn = ImageChops.multiply(picture.convert("L"), alpha)
    return _on(picture, BLACK if _mean(drawn) * WHITE > _MIDDLE * _mean(alpha) else WHITE)


def _on(picture: Image.Image, shade: int) -> Image.Image:
    if not picture.mode.endswith("A"):
        return picture
    page = Image.new("RGB", picture.size, (shade, shade, shade))
    # Pillow would paste grey with transparency into the red channel only.
    page.paste(picture if picture.mode == "RGBA" else picture.convert("RGB"), mask=picture.getchannel("A"))
    return page


def _mean(channel: Image.Image) -> float:
    return ImageStat.Stat(channel).mean[0]
