"""Finds the digits on a photograph, and returns each as an image in the form of MNIST."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from PIL import Image

from epochal_photographs.digit.already import already
from epochal_photographs.digit.arrays import Bytes, Mask
from epochal_photographs.digit.choose import Part, Thing, choose, things
from epochal_photographs.digit.finer import finer
from epochal_photographs.digit.frames import unframed
from epochal_photographs.digit.layers import layers
from epochal_photographs.digit.normal import normal
from epochal_photographs.digit.several import several
from epochal_photographs.digit.shade import colours, shades
from epochal_photographs.digit.sheet import Sheet, sheet
from epochal_photographs.digit.together import together
from epochal_photographs.errors import NothingFound
from epochal_photographs.flatten import so_that_it_is_seen

SIDE = 28
"""Length in pixels of a side of MNIST's images."""
ENOUGH = 700
"""Sufficient length of a photograph's shorter side: more pixels show no more details of a digit."""

_LONGEST, _SHORTEST = 480, 280
"""Limits in pixels for the longer side of the picture in the search for digits."""
_LONGEST_IN_COLOUR = 320
"""The longer side in a search by colour, because a JPEG stores colours at half the resolution."""
_CLEAR = 12.0
"""Minimum worth of a digit that ends the search, so that colours are not searched."""
_BESIDE = 0.3
"""Factor for the worth of a candidate beside the paper, such as the grain of a table, or a pen."""
_IN_BOX = 0.25
"""Minimum longer side of a digit that touches the frame around it, relative to the frame's longer side."""


class Place(NamedTuple):
    """A place on a picture, as fractions of its width and its height, from 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Found:
    """A digit on a photograph.

    Args:
        image: The digit, light on black.
        place: Its place on the photograph.
    """

    image: Bytes
    place: Place


class _View(NamedTuple):
    """A variant of the picture for the search.

    Args:
        grey: The picture, or a part of it, in grayscale.
        longest: Maximum length of its longer side after resizing.
        sheet: The sheet of paper that the view is limited to, if it is.
    """

    grey: Image.Image
    longest: int = _LONGEST
    sheet: Sheet | None = None


def digit(picture: Image.Image, *, height: int = SIDE, width: int = SIDE) -> Bytes:
    """Return the digit on a picture in the form of MNIST: light on black, with its centre of mass in the middle.

    Args:
        picture: The picture, such as `decode` returns with `at_least=ENOUGH`.
        height: Height of the image.
        width: Width of the image.

    Raises:
        NothingFound: If the picture has no digit.
    """
    flat = so_that_it_is_seen(picture)
    if (image := already(flat, height=height, width=width)) is not None:
        return image
    view, main = _main(flat)
    return normal(_closely(view, main, main.layer.parts.mask(together(main))), height=height, width=width)


def digits(picture: Image.Image, *, height: int = SIDE, width: int = SIDE) -> list[Found]:
    """Return all digits on a picture in reading order: by line, and from left to right.

    Args:
        picture: The picture, such as `decode` returns with `at_least=ENOUGH`.
        height: Height of the images.
        width: Width of the images.

    Raises:
        NothingFound: If the picture has no digit.
        TooMany: If the picture has more digits or strokes than allowed.
    """
    flat = so_that_it_is_seen(picture)
    if (image := already(flat, height=height, width=width)) is not None:
        return [Found(image, Place(0.0, 0.0, 1.0, 1.0))]
    view, main = _main(flat)
    found = []
    for which in several(main):
        mask = main.layer.parts.mask(which)
        image = normal(_closely(view, main, mask), height=height, width=width)
        found.append(Found(image, _place(mask, view)))
    return found


def _main(picture: Image.Image) -> tuple[_View, Part]:
    """Return the clearest digit, or most of this digit, and the view that shows it."""
    best: tuple[_View, Thing] | None = None
    grey = picture.convert("L")
    paper = sheet(grey)
    for view in _views(picture, grey, paper):
        thing = _best(view)
        if thing is not None and paper is not None and view.sheet is None and not paper.holds(*_around(thing.part)):
            thing = replace(thing, worth=_BESIDE * thing.worth)
        if thing is not None and (best is None or thing.worth > best[1].worth):
            best = view, thing
        if best is not None and best[1].worth >= _CLEAR:
            break
    if best is None:
        raise NothingFound(
            "no digit is found on the picture: it must show strokes that are clearly darker or lighter than what they "
            "are on. Come closer, or see to more light"
        )
    return best[0], best[1].part


def _views(picture: Image.Image, grey: Image.Image, paper: Sheet | None) -> Iterator[_View]:
    """Yield the picture in grayscale, then the paper on it only, if it does not fill the picture, then its colours."""
    yield _View(grey)
    if paper is not None:
        yield _View(paper.seen(grey), sheet=paper)
    for colour in colours(picture):
        yield _View(colour, _LONGEST_IN_COLOUR)


def _best(view: _View) -> Thing | None:
    """Return the best candidate for a digit in a view, or None."""
    grey, longer = view.grey, max(view.grey.size)
    scale = view.longest / longer if longer > view.longest else max(_SHORTEST / longer, 1.0)
    size = max(round(grey.width * scale), 1), max(round(grey.height * scale), 1)
    how = Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.BOX
    seen = things(list(layers(shades(grey.resize(size, how)), max(round(scale), 1))))
    best = choose([*seen, *(inside for thing in seen for inside in _without_frame(thing.part))])
    return best and (choose(_without_frame(best.part)) or best)


def _without_frame(part: Part) -> list[Thing]:
    """Return the candidates inside a part after the removal of a frame that they touch."""
    mask = unframed(part)
    if mask is None:
        return []
    inside = things([replace(part.layer, mask=mask)])
    return [thing for thing in inside if thing.part.box.longer >= _IN_BOX * part.box.longer]


def _closely(view: _View, main: Part, mask: Mask) -> Mask:
    return finer(view.grey, mask, dark=main.layer.dark, stroke=main.stroke)


def _around(part: Part) -> Place:
    (high, wide), box = part.layer.mask.shape, part.box
    return Place(box.left / wide, box.top / high, box.right / wide, box.bottom / high)


def _place(mask: Mask, view: _View) -> Place:
    high, wide = mask.shape
    rows, columns = np.flatnonzero(mask.any(1)) / high, np.flatnonzero(mask.any(0)) / wide
    place = Place(float(columns[0]), float(rows[0]), float(columns[-1]) + 1 / wide, float(rows[-1]) + 1 / high)
    return place if view.sheet is None else Place(*view.sheet.on_picture(*place))
