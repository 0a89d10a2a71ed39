"""Draws docs/photographs.png: photographs above the network's inputs. python -m tests.photographs.strip."""

from pathlib import Path

from epochal_photographs.decode import decode
from epochal_photographs.digit import MIN_SIDE, find_digit
from PIL import Image, ImageOps

from tests.photographs.digits import selection
from tests.photographs.families import photographs
from tests.photographs.score import MAX_PIXELS

PICTURE = Path(__file__).parents[2] / "docs" / "photographs.png"
FAMILIES = ("phone", "ruled", "squared", "box", "hairline", "marker", "light on dark", "small")
SIDE, SPACE = 112, 4
SEED = 9


def main() -> None:
    strip = Image.new("RGB", (len(FAMILIES) * (SIDE + SPACE) - SPACE, 2 * SIDE + SPACE), "white")
    for at, family in enumerate(FAMILIES):
        (photograph,) = photographs(family, *selection(), 1, SEED)
        picture = decode(photograph.data, max_pixels=MAX_PIXELS, min_side=MIN_SIDE)
        seen = Image.fromarray(find_digit(picture)).resize((SIDE, SIDE), Image.Resampling.NEAREST)
        strip.paste(ImageOps.fit(picture.convert("RGB"), (SIDE, SIDE)), (at * (SIDE + SPACE), 0))
        strip.paste(seen, (at * (SIDE + SPACE), SIDE + SPACE))
    strip.quantize(160, dither=Image.Dither.NONE).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
