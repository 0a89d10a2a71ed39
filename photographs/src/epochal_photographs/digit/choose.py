"""Which part of what may be ink is the digit, or most of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image, ImageDraw

from epochal_photographs.digit.arrays import Ints, Mask
from epochal_photographs.digit.box import Box
from epochal_photographs.digit.components import components
from epochal_photographs.digit.layers import Layer
from epochal_photographs.digit.morphology import greatest, least

BEST = 8
"""How many parts of each layer are looked at more closely."""

_SAME = 0.7
"""How much of their boxes parts of two layers share that are the same thing, seen in two ways."""
_WORTH = 0.3
"""How much as good as a thing is what shows, by being inside of it or around it, that it is no digit."""
_SMALL = 0.2
"""Longer side of what is too small beside a thing to show anything by being inside of it."""

_DRAWN = 0.8
"""How much what is drawn fills at most of what it extends over."""
_FRAME, _PAPER, _HOLE = 0.1, 0.3, 0.25
"""What is left of the worth of what seems to be a frame around a digit, the paper that it is on, or a hole in it."""
_FOUR_CORNERS = 0.85
"""How much a thing with four corners and what is between these share at least; of what is round, it is two thirds."""
_THINNER = 0.8
"""How wide strokes are at most on what is paper, as a part of how wide that itself seems to be drawn."""
_MUCH_THINNER = 0.3
"""How wide strokes are at most on what is paper, be it cut up by shadows: nothing between a digit's is so thin."""
_EVEN = 0.9
"""How even they are at least: streaks within those of a marker are not."""
_RIM = 2
"""Pixels from the rim of the picture within which a thing touches it."""
_WIDE = 0.5
"""How wide a hole is at least that looks as if it were drawn, as a part of the strokes around it."""
_GAP = 3
"""Pixels across gaps in what goes around a hole."""
_TWICE = 2.0
"""How many times as wide as in the mean strokes are nearly nowhere."""
_UNEVEN, _LEAST_EVEN = 10, 0.4
"""How much faster than what is so wide grows, worth is lost; and what is left of it at least."""


@dataclass(frozen=True)
class Part:
    """A part of a layer.

    Args:
        layer: The layer.
        at: Which of its parts.
    """

    layer: Layer
    at: int

    @property
    def score(self) -> float:
        """How much it looks like a digit, in its layer."""
        return float(self.layer.looks.scores[self.at])

    @property
    def stroke(self) -> float:
        """How wide its strokes are, in pixels."""
        return float(self.layer.looks.strokes[self.at])

    @cached_property
    def box(self) -> Box:
        """Where it is."""
        parts, at = self.layer.parts, self.at
        return Box(int(parts.lefts[at]), int(parts.tops[at]), int(parts.rights[at]), int(parts.bottoms[at]))

    @property
    def is_drawn(self) -> bool:
        """Whether it is made of strokes: a digit, but for a one, or a frame."""
        return float(self.layer.looks.filled[self.at]) < _DRAWN

    @cached_property
    def even(self) -> float:
        """How much its strokes are of one width, from 0 to 1. A pen's are; paper between lines of print is not."""
        box, window = self.box, int(_TWICE * self.stroke) | 1
        mask = np.pad(self.mask[box.top : box.bottom, box.left : box.right], window)
        wide = float(least(mask, window).sum()) / int(mask.sum())
        return max(1 - _UNEVEN * wide, _LEAST_EVEN)

    @cached_property
    def corners(self) -> list[tuple[int, int]]:
        """Row and column of its corners within its box, if it has four of them: from the upper left one clockwise."""
        rows, columns = np.nonzero(self.mask[self.box.top : self.box.bottom, self.box.left : self.box.right])
        down, up = rows + columns, columns - rows
        return [(int(rows[at]), int(columns[at])) for at in (down.argmin(), up.argmax(), down.argmax(), up.argmin())]

    @cached_property
    def is_sheet(self) -> bool:
        """Whether its outline has four corners and straight sides, as that of paper or of a frame."""
        mask = self.mask[self.box.top : self.box.bottom, self.box.left : self.box.right] | self.holes
        page = Image.new("1", mask.shape[::-1])
        ImageDraw.Draw(page).polygon([(column, row) for row, column in self.corners], fill=1)
        between = np.asarray(page)
        return bool((mask & between).sum() > _FOUR_CORNERS * (mask | between).sum())

    @property
    def is_cut(self) -> bool:
        """Whether it goes on beyond the picture, as a sheet that is too large for it."""
        box, (high, wide) = self.box, self.layer.mask.shape
        return bool(min(box.left, box.top, wide - box.right, high - box.bottom) <= _RIM)

    def goes_around(self, box: Box) -> bool:
        """Returns whether it is on all four sides of a box that is not small beside it."""
        around = self.box
        if not around.holds(box) or box.longer < _SMALL * around.longer:
            return False
        lefts, rights, tops, bottoms = self._reach
        row, column = box.middle[0] - around.top, box.middle[1] - around.left
        return bool(
            lefts[row] < box.left
            and rights[row] > box.right
            and tops[column] < box.top
            and bottoms[column] > box.bottom
        )

    @cached_property
    def _reach(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Its bounds in each row of its box (first column, column after the last one), and in each column alike."""
        box, (rows, starts, ends) = self.box, self.layer.parts.runs(self.at)
        lefts, tops = np.full(box.bottom - box.top, box.right), np.full(box.right - box.left, box.bottom)
        rights, bottoms = np.zeros_like(lefts), np.zeros_like(tops)
        np.minimum.at(lefts, rows - box.top, starts)
        np.maximum.at(rights, rows - box.top, ends)
        lengths = ends - starts
        columns = np.arange(lengths.sum()) + np.repeat(starts - box.left - np.cumsum(lengths) + lengths, lengths)
        np.minimum.at(tops, columns, np.repeat(rows, lengths))
        np.maximum.at(bottoms, columns, np.repeat(rows, lengths) + 1)
        return lefts, rights, tops, bottoms

    def has_inside(self, other: "Part") -> bool:
        """Returns whether another part is in one of its holes."""
        box = self.box
        if not box.holds(other.box):
            return False
        inside = other.mask[box.top : box.bottom, box.left : box.right]
        return 2 * int((inside & self.holes).sum()) > int(inside.sum())

    @cached_property
    def mask(self) -> Mask:
        """Its pixels on the picture."""
        return self.layer.parts.mask(np.array([self.at]))

    @cached_property
    def holes(self) -> Mask:
        """What it goes all around, within its box."""
        box = self.box
        tight = greatest(self.mask[box.top : box.bottom, box.left : box.right], _GAP)
        outside = components(np.pad(~tight, 1, constant_values=True))
        return outside.mask(np.arange(1, len(outside)))[1:-1, 1:-1]


@dataclass(frozen=True)
class Thing:
    """A thing on the picture, as it is seen in one layer or in several.

    Args:
        worth: How much it looks like a digit. One that is seen however it is looked for is worth more.
        part: The part that shows it best.
    """

    worth: float
    part: Part


def things(layers: Sequence[Layer]) -> list[Thing]:
    """Returns what may be a digit, the best first."""
    parts = [Part(layer, int(at)) for layer in layers for at in np.argsort(-layer.looks.scores)[:BEST]]
    same: list[list[Part]] = []
    for part in sorted(parts, key=lambda part: -part.score):
        if part.score <= 0:
            break
        for seen in same:
            if seen[0].layer.dark == part.layer.dark and seen[0].box.shared(part.box) > _SAME:
                seen.append(part)
                break
        else:
            same.append([part])
    return sorted((Thing(_worth(seen, layers), seen[0]) for seen in same), key=lambda thing: -thing.worth)


def choose(things: Sequence[Thing]) -> Thing | None:
    """Returns the thing that is the digit, or most of it, with what it is worth beside the others."""
    best: Thing | None = None
    for thing in sorted(things, key=lambda thing: -thing.worth):
        if best is not None and thing.worth <= best.worth:
            break  # doubts only take away from what it is worth
        worth = _doubted(thing, things) * thing.part.even
        if best is None or worth > best.worth:
            best = Thing(worth, thing.part)
    return best


def _doubted(thing: Thing, things: Iterable[Thing]) -> float:
    """Returns what a thing is worth, seen with what is inside of it and around it."""
    part, worth = thing.part, thing.worth
    others = [other.part for other in things if other is not thing and other.worth >= _WORTH * thing.worth]
    alike = [other for other in others if other.layer.dark == part.layer.dark]
    unlike = [other for other in others if other.layer.dark != part.layer.dark]
    if any(part.goes_around(other.box) for other in alike):
        worth *= _FRAME
    if any(_is_on(other, part) for other in unlike):
        worth *= _PAPER
    if any(_is_hole(part, other) for other in unlike):
        worth *= _HOLE
    return worth


def _is_on(part: Part, paper: Part) -> bool:
    """Returns whether a part is on another one that looks like paper."""
    if part.box.longer < _SMALL * paper.box.longer or not paper.box.holds(part.box):
        return False
    if part.is_drawn and part.stroke < _MUCH_THINNER * paper.stroke and part.even >= _EVEN:
        return True
    thinner = part.stroke < paper.stroke and paper.is_sheet
    drawn = part.stroke < _THINNER * paper.stroke and part.is_drawn and paper.is_cut
    return (thinner or drawn) and paper.has_inside(part)


def _is_hole(part: Part, other: Part) -> bool:
    """Returns whether a part is what another one goes around, which is drawn, be it as thickly as with a marker."""
    thinner = other.is_drawn and other.stroke < part.stroke
    wide = other.is_drawn and _WIDE * other.stroke <= part.stroke
    return (thinner or ((wide or not part.is_drawn) and not other.is_sheet)) and other.has_inside(part)


def _worth(seen: Sequence[Part], layers: Iterable[Layer]) -> float:
    """Returns the mean of a thing's scores, by the widths of strokes at which it could be seen."""
    could = {layer.widest for layer in layers if layer.widest > 1.5 * seen[0].stroke}
    best: dict[int, float] = {}
    for part in seen:
        best[part.layer.widest] = max(best.get(part.layer.widest, 0.0), part.score)
    return sum(best.values()) / max(len(could | best.keys()), 1)
