"""Chooses the digit, or its largest part, among the candidates on a picture."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image, ImageDraw

from epochal_photographs.digit.components import components
from epochal_photographs.digit.geometry import Box, Ints, Mask
from epochal_photographs.digit.layers import Layer
from epochal_photographs.digit.morphology import maximum_filter, minimum_filter

BEST = 8
"""Maximum number of parts of each layer that become candidates."""

_SAME = 0.7
"""Minimum overlap of the boxes of two parts in different layers that belong to the same candidate."""
_WORTH = 0.3
"""Minimum worth of a candidate that can reduce the worth of another candidate, as a fraction of the other's worth."""
_SMALL = 0.2
"""Minimum longer side of a candidate that can reduce the worth of the candidate around it, as a fraction of the longer
side of the candidate around it."""

_DRAWN = 0.8
"""Maximum fill of a part that consists of strokes. A filled ellipse has the fill 1. See Features.filled."""
_FRAME, _PAPER, _HOLE = 0.1, 0.3, 0.25
"""Factors for the worth of a candidate that looks like a frame around a digit, paper under it, or a hole in it."""
_FOUR_CORNERS = 0.85
"""Minimum overlap of a quadrilateral part and the quadrilateral between its extreme points: intersection by union. A
round part has two thirds."""
_THINNER = 0.8
"""Maximum width of strokes on paper, as a fraction of the stroke width of the part that is the paper."""
_MUCH_THINNER = 0.3
"""Maximum width of strokes on paper that shadows cut into pieces, as a fraction of the stroke width of the paper.
Background between a digit's strokes is never so thin."""
_EVEN = 0.9
"""Minimum evenness of the strokes on paper. Streaks within the strokes of a marker are less even."""
_RIM = 2
"""Maximum distance in pixels between the picture's rim and a part that touches it."""
_WIDE = 0.5
"""Minimum stroke width of a hole that looks like strokes, as a fraction of the stroke width of the part around it."""
_GAP = 3
"""Window, in pixels, of the filter that closes gaps in the strokes around a hole."""
_TWICE = 2.0
"""Multiple of the mean stroke width that almost no place in a digit exceeds."""
_UNEVEN, _LEAST_EVEN = 10, 0.4
"""Loss of evenness per fraction of a part that is wider than _TWICE mean widths, and the minimum evenness."""


@dataclass(frozen=True)
class Part:
    """A part of a layer: a connected region of possible ink."""

    layer: Layer
    at: int

    @property
    def score(self) -> float:
        """The part's resemblance to a digit, as a score: at least 0, higher for a more similar part."""
        return float(self.layer.features.scores[self.at])

    @property
    def stroke(self) -> float:
        """Mean width of the part's strokes, in pixels."""
        return float(self.layer.features.strokes[self.at])

    @cached_property
    def box(self) -> Box:
        """The smallest box around the part, in pixels of the layer's picture."""
        parts, at = self.layer.parts, self.at
        return Box(int(parts.lefts[at]), int(parts.tops[at]), int(parts.rights[at]), int(parts.bottoms[at]))

    @property
    def has_strokes(self) -> bool:
        """Whether the part consists of strokes, such as a frame or a digit other than a one. Other parts are filled."""
        return float(self.layer.features.filled[self.at]) < _DRAWN

    @cached_property
    def even(self) -> float:
        """Evenness of the part's stroke width, from 0.4 to 1.

        It is high for strokes of a pen, and low for the paper between lines of print.
        """
        window = int(_TWICE * self.stroke) | 1
        mask = np.pad(self.cropped, window)
        wide = float(minimum_filter(mask, window).sum()) / int(mask.sum())
        return max(1 - _UNEVEN * wide, _LEAST_EVEN)

    @cached_property
    def corners(self) -> list[tuple[int, int]]:
        """Row and column of the part's four extreme points within its box, clockwise from the upper left point.

        If the part is a quadrilateral, the points are its corners.
        """
        rows, columns = np.nonzero(self.cropped)
        down, up = rows + columns, columns - rows
        return [(int(rows[at]), int(columns[at])) for at in (down.argmin(), up.argmax(), down.argmax(), up.argmin())]

    @cached_property
    def is_quadrilateral(self) -> bool:
        """Whether the part's outline has four corners and straight sides, like the outline of paper or of a frame."""
        mask = self.cropped | self.holes
        page = Image.new("1", mask.shape[::-1])
        ImageDraw.Draw(page).polygon([(column, row) for row, column in self.corners], fill=1)
        between = np.asarray(page)
        return bool((mask & between).sum() > _FOUR_CORNERS * (mask | between).sum())

    @property
    def is_cut(self) -> bool:
        """Whether the part touches the rim of the picture, like a sheet of paper that is larger than the picture."""
        box, (high, wide) = self.box, self.layer.mask.shape
        return bool(min(box.left, box.top, wide - box.right, high - box.bottom) <= _RIM)

    def surrounds(self, box: Box) -> bool:
        """Return whether this part has pixels on all four sides of `box`, and is not much larger than `box`.

        It needs pixels left and right of `box` in the middle row of `box`, and above and below it in the middle column.
        """
        around = self.box
        if not around.contains(box) or box.longer < _SMALL * around.longer:
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
        """The part's extent in each row of its box (first column, column after the last) and in each column (rows).

        Columns and rows are those of the picture.
        """
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

    def encloses(self, other: "Part") -> bool:
        """Return whether another part is within the box of this part, with most of its pixels in this part's holes."""
        box = self.box
        if not box.contains(other.box):
            return False
        inside = other.mask[box.slices]
        return 2 * int((inside & self.holes).sum()) > int(inside.sum())

    @cached_property
    def mask(self) -> Mask:
        """The part's pixels, as a mask of the whole picture."""
        return self.layer.parts.mask(np.array([self.at]))

    @property
    def cropped(self) -> Mask:
        """The part's pixels, as a mask of the part's box."""
        return self.mask[self.box.slices]

    @cached_property
    def holes(self) -> Mask:
        """The areas that the part encloses, even with small gaps in its strokes, as a mask of the part's box."""
        outside = components(np.pad(~maximum_filter(self.cropped, _GAP), 1, constant_values=True))
        return outside.mask(np.arange(1, len(outside)))[1:-1, 1:-1]


@dataclass(frozen=True)
class Candidate:
    """A candidate for the digit, found in a layer or in several layers.

    Args:
        worth: Mean of the candidate's best scores for each stroke width of layers that could show it. The score is 0
            for a stroke width of which no layer shows the candidate.
        part: The candidate's part with the best score.
    """

    worth: float
    part: Part


def candidates(layers: Sequence[Layer]) -> list[Candidate]:
    """Return the candidates for a digit in the layers of a picture, with the highest worth first."""
    parts = [Part(layer, int(at)) for layer in layers for at in np.argsort(-layer.features.scores)[:BEST]]
    groups: list[list[Part]] = []
    for part in sorted(parts, key=lambda part: -part.score):
        if part.score <= 0:
            break
        for group in groups:
            if group[0].layer.dark == part.layer.dark and group[0].box.overlap(part.box) > _SAME:
                group.append(part)
                break
        else:
            groups.append([part])
    found = (Candidate(_worth(group, layers), group[0]) for group in groups)
    return sorted(found, key=lambda candidate: -candidate.worth)


def choose(found: Sequence[Candidate]) -> Candidate | None:
    """Return the candidate with the highest reduced worth: the digit, or most of it. None without candidates.

    The returned candidate has the reduced worth. See _reduced_worth.
    """
    best: Candidate | None = None
    for candidate in sorted(found, key=lambda one: -one.worth):
        if best is not None and candidate.worth <= best.worth:
            break  # the following steps only reduce the worth
        worth = _reduced_worth(candidate, found) * candidate.part.even
        if best is None or worth > best.worth:
            best = Candidate(worth, candidate.part)
    return best


def _reduced_worth(candidate: Candidate, found: Iterable[Candidate]) -> float:
    """Return the worth of a candidate, reduced if other candidates inside or around it show that it is not a digit."""
    part, worth = candidate.part, candidate.worth
    others = [other.part for other in found if other is not candidate and other.worth >= _WORTH * candidate.worth]
    same_ink = [other for other in others if other.layer.dark == part.layer.dark]
    other_ink = [other for other in others if other.layer.dark != part.layer.dark]
    if any(part.surrounds(other.box) for other in same_ink):
        worth *= _FRAME
    if any(_is_on(other, part) for other in other_ink):
        worth *= _PAPER
    if any(_is_hole(part, other) for other in other_ink):
        worth *= _HOLE
    return worth


def _is_on(part: Part, paper: Part) -> bool:
    """Return whether `part` is on `paper`, and `paper` looks like a sheet of paper."""
    if part.box.longer < _SMALL * paper.box.longer or not paper.box.contains(part.box):
        return False
    if part.has_strokes and part.stroke < _MUCH_THINNER * paper.stroke and part.even >= _EVEN:
        return True
    thinner = part.stroke < paper.stroke and paper.is_quadrilateral
    drawn = part.stroke < _THINNER * paper.stroke and part.has_strokes and paper.is_cut
    return (thinner or drawn) and paper.encloses(part)


def _is_hole(part: Part, other: Part) -> bool:
    """Return whether `part` is a hole in `other`, which consists of strokes, maybe as thick as those of a marker."""
    thinner = other.has_strokes and other.stroke < part.stroke
    wide = other.has_strokes and _WIDE * other.stroke <= part.stroke
    return (thinner or ((wide or not part.has_strokes) and not other.is_quadrilateral)) and other.encloses(part)


def _worth(group: Sequence[Part], layers: Iterable[Layer]) -> float:
    """Return the worth of a candidate that consists of the parts in a group. See Candidate."""
    possible = {layer.widest for layer in layers if layer.widest > 1.5 * group[0].stroke}
    best: dict[int, float] = {}
    for part in group:
        best[part.layer.widest] = max(best.get(part.layer.widest, 0.0), part.score)
    return sum(best.values()) / max(len(possible | best.keys()), 1)
