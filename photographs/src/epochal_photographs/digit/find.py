"""Finds the digits on a photograph, and returns each as an image in the form of MNIST."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from PIL import Image

from epochal_photographs.digit.candidates import Candidate, Part, candidates, choose
from epochal_photographs.digit.geometry import Box, Bytes, Mask
from epochal_photographs.digit.group_digits import group_digits
from epochal_photographs.digit.group_strokes import group_strokes
from epochal_photographs.digit.layers import layers
from epochal_photographs.digit.mnist import mnist_like, to_mnist
from epochal_photographs.digit.paper import Paper, find_paper
from epochal_photographs.digit.refine import refine
from epochal_photographs.digit.remove_frame import without_frame
from epochal_photographs.digit.shade import colours, shades
from epochal_photographs.errors import NoDigitFound
from epochal_photographs.flatten import on_contrasting_page

SIDE = 28
MIN_SIDE = 700
"""Sufficient length in pixels of a photograph's shorter side: more pixels show no more details of a digit."""

_LONGEST, _SHORTEST = 480, 280
"""Maximum and minimum length in pixels of the picture's longer side in the search for digits."""
_LONGEST_IN_COLOUR = 320
"""Maximum longer side in pixels in a search by colour, because a JPEG stores colours at half the resolution."""
_CLEAR = 12.0
"""Minimum worth of a digit that ends the search, so that colours are not searched."""
_BESIDE = 0.3
"""Factor for the worth of a candidate outside of the sheet of paper, such as the grain of a table, or a pen."""
_IN_BOX = 0.25
"""Minimum longer side of a digit that touches the frame around it, relative to the frame's longer side."""


class RelativeBox(NamedTuple):
    """A rectangle on a picture. Its sides are fractions of the picture's width and height, from 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class FoundDigit:
    """A digit on a photograph: its image in the form of MNIST, and its place."""

    image: Bytes
    place: RelativeBox


class _View(NamedTuple):
    """A variant of the picture for the search.

    Args:
        grey: The picture or the paper on it, in grayscale or as a difference of colours.
        longest: Maximum length in pixels of the picture's longer side in the search.
        paper: The sheet of paper that the view shows, or None if it shows the whole picture.
    """

    grey: Image.Image
    longest: int = _LONGEST
    paper: Paper | None = None


def find_digit(picture: Image.Image, *, height: int = SIDE, width: int = SIDE) -> Bytes:
    """Return the clearest digit on a picture in the form of MNIST: light on black, its centre of mass in the middle.

    Raises:
        NoDigitFound: If the picture has no digit.
    """
    flat = on_contrasting_page(picture)
    if (image := mnist_like(flat, height=height, width=width)) is not None:
        return image
    view, main = _clearest(flat)
    return _image(view, main, main.layer.parts.mask(group_strokes(main)), height, width)


def find_digits(picture: Image.Image, *, height: int = SIDE, width: int = SIDE) -> list[FoundDigit]:
    """Return all digits on a picture in reading order: by line, and from left to right.

    Raises:
        NoDigitFound: If the picture has no digit.
        TooManyDigits: If the picture has more digits or strokes than allowed.
    """
    flat = on_contrasting_page(picture)
    if (image := mnist_like(flat, height=height, width=width)) is not None:
        return [FoundDigit(image, RelativeBox(0.0, 0.0, 1.0, 1.0))]
    view, main = _clearest(flat)
    masks = (main.layer.parts.mask(parts) for parts in group_digits(main))
    return [FoundDigit(_image(view, main, mask, height, width), _place(mask, view)) for mask in masks]


def _image(view: _View, main: Part, mask: Mask, height: int, width: int) -> Bytes:
    refined = refine(view.grey, mask, dark=main.layer.dark, stroke=main.stroke)
    return to_mnist(refined, height=height, width=width)


def _clearest(picture: Image.Image) -> tuple[_View, Part]:
    """Return the view with the clearest digit, and the part in this view that is the digit or most of it.

    Raises:
        NoDigitFound: If no view has a candidate for a digit.
    """
    best: tuple[_View, Candidate] | None = None
    grey = picture.convert("L")
    paper = find_paper(grey)
    for view in _views(picture, grey, paper):
        found = _best(view)
        if found is None:
            continue
        if paper is not None and view.paper is None and not paper.contains(*_around(found.part)):
            found = replace(found, worth=_BESIDE * found.worth)
        if best is None or found.worth > best[1].worth:
            best = view, found
        if best[1].worth >= _CLEAR:
            break
    if best is None:
        raise NoDigitFound(
            "found no digit on the picture, expected strokes that are clearly darker or lighter than their background: "
            "take the photograph closer, or with more light"
        )
    return best[0], best[1].part


def _views(picture: Image.Image, grey: Image.Image, paper: Paper | None) -> Iterator[_View]:
    """Yield the picture in grayscale, then only the sheet of paper if there is any, then each difference of colours."""
    yield _View(grey)
    if paper is not None:
        yield _View(paper.rectified(grey), paper=paper)
    for colour in colours(picture):
        yield _View(colour, _LONGEST_IN_COLOUR)


def _best(view: _View) -> Candidate | None:
    """Return the best candidate for a digit in a view, or None."""
    grey, longer = view.grey, max(view.grey.size)
    scale = view.longest / longer if longer > view.longest else max(_SHORTEST / longer, 1.0)
    size = max(round(grey.width * scale), 1), max(round(grey.height * scale), 1)
    how = Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.BOX
    found = candidates(list(layers(shades(grey.resize(size, how)), max(round(scale), 1))))
    best = choose([*found, *(inside for candidate in found for inside in _in_frame(candidate.part))])
    return best and (choose(_in_frame(best.part)) or best)


def _in_frame(part: Part) -> list[Candidate]:
    """Return the candidates that remain of a part after the frame that is its outline is removed.

    The list is empty if the outline is not a frame.
    """
    mask = without_frame(part)
    if mask is None:
        return []
    inside = candidates([replace(part.layer, mask=mask)])
    return [candidate for candidate in inside if candidate.part.box.longer >= _IN_BOX * part.box.longer]


def _around(part: Part) -> RelativeBox:
    (high, wide), box = part.layer.mask.shape, part.box
    return RelativeBox(box.left / wide, box.top / high, box.right / wide, box.bottom / high)


def _place(mask: Mask, view: _View) -> RelativeBox:
    (high, wide), box = mask.shape, Box.around(mask)
    left, top = box.left / wide, box.top / high
    right, bottom = (box.right - 1) / wide + 1 / wide, (box.bottom - 1) / high + 1 / high
    place = RelativeBox(left, top, right, bottom)
    return place if view.paper is None else RelativeBox(*view.paper.on_picture(*place))
