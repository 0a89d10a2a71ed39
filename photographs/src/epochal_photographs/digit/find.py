"""The digits on a photograph, each as an image as MNIST has them."""

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
"""Pixels of a side of MNIST's images."""
ENOUGH = 700
"""How long the shorter side of a photograph has to be: more of it shows nothing more of a digit."""

_LONGEST, _SHORTEST = 480, 280
"""Between which a picture's longer side is made to be, in pixels, when digits are looked for."""
_LONGEST_IN_COLOUR = 320
"""The longer side when they are looked for in colours: a JPEG has these at half its size."""
_CLEAR = 12.0
"""What a digit is worth from which on it is not looked for in colours."""
_BESIDE = 0.3
"""What is left of the worth of what is beside the paper on a picture: the grain of a table, a pen that lies on it."""
_IN_BOX = 0.25
"""Longer side of a digit that touches the frame around it at least, as a part of the frame's."""


class Place(NamedTuple):
    """Where something is on a picture, as parts of its width and its height, from 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Found:
    """A digit on a photograph.

    Args:
        image: The digit, light on black.
        place: Where it is.
    """

    image: Bytes
    place: Place


class _View(NamedTuple):
    """A picture as it is looked at.

    Args:
        grey: The picture, or a part of it, in grays.
        longest: How many pixels its longer side is made to have at most.
        sheet: The sheet on the picture that the view shows, if not all of it.
    """

    grey: Image.Image
    longest: int = _LONGEST
    sheet: Sheet | None = None


def digit(picture: Image.Image, *, height: int = SIDE, width: int = SIDE) -> Bytes:
    """Returns the digit on a picture as MNIST's makers made theirs: light on black, its centre of mass in the middle.

    Args:
        picture: The picture, such as `decode` returns with `at_least=ENOUGH`.
        height: Height of the image.
        width: Width of the image.

    Raises:
        NothingFound: If there is none.
    """
    flat = so_that_it_is_seen(picture)
    if (image := already(flat, height=height, width=width)) is not None:
        return image
    view, main = _main(flat)
    return normal(_closely(view, main, main.layer.parts.mask(together(main))), height=height, width=width)


def digits(picture: Image.Image, *, height: int = SIDE, width: int = SIDE) -> list[Found]:
    """Returns all digits on a picture, as one reads: left to right, and line by line if there are several.

    Args:
        picture: The picture, such as `decode` returns with `at_least=ENOUGH`.
        height: Height of the images.
        width: Width of the images.

    Raises:
        NothingFound: If there is none.
        TooMany: If there are more than are read, or more strokes than are compared with each other.
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
    """Returns the digit that is seen best, or most of it, and the view that shows it."""
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
    """Yields a picture as people see it; the paper on it alone, if there is more in view; and its colours."""
    yield _View(grey)
    if paper is not None:
        yield _View(paper.seen(grey), sheet=paper)
    for colour in colours(picture):
        yield _View(colour, _LONGEST_IN_COLOUR)


def _best(view: _View) -> Thing | None:
    """Returns what on a picture is a digit, or most of one."""
    grey, longer = view.grey, max(view.grey.size)
    scale = view.longest / longer if longer > view.longest else max(_SHORTEST / longer, 1.0)
    size = max(round(grey.width * scale), 1), max(round(grey.height * scale), 1)
    how = Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.BOX
    seen = things(list(layers(shades(grey.resize(size, how)), max(round(scale), 1))))
    best = choose([*seen, *(inside for thing in seen for inside in _without_frame(thing.part))])
    return best and (choose(_without_frame(best.part)) or best)


def _without_frame(part: Part) -> list[Thing]:
    """Returns what was found together with a frame that it touches, without that."""
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
