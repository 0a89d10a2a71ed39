"""Connected components of a mask, found by the runs of pixels in each row."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from epochal_photographs.digit.geometry import Bytes, Floats, Ints, Mask


@dataclass(frozen=True)
class Components:
    """The connected components of a mask. Pixels that touch at a corner are connected.

    Args:
        shape: Shape of the mask.
        rows: Row of each run of pixels.
        starts: Column where each run begins.
        ends: Column after each run.
        owners: Index of the component of each run.
        areas: Number of pixels of each component.
        tops: First row of each component.
        bottoms: Row after the last row of each component.
        lefts: First column of each component.
        rights: Column after the last column of each component.
    """

    shape: tuple[int, int]
    rows: Ints
    starts: Ints
    ends: Ints
    owners: Ints
    areas: Ints
    tops: Ints
    bottoms: Ints
    lefts: Ints
    rights: Ints

    def __len__(self) -> int:
        return len(self.areas)

    @cached_property
    def sides(self) -> Ints:
        """Length in pixels of the longer side of the box around each component."""
        sides: Ints = np.maximum(self.bottoms - self.tops, self.rights - self.lefts)
        return sides

    @cached_property
    def _by_component(self) -> tuple[Ints, Ints]:
        """The indices of the runs sorted by component, and the position of each component's first run in them."""
        return np.argsort(self.owners, kind="stable"), np.searchsorted(np.sort(self.owners), np.arange(len(self) + 1))

    def runs(self, at: int) -> tuple[Ints, Ints, Ints]:
        """Return the row, the first column, and the column after the last, of each run of one component."""
        order, begins = self._by_component
        own = order[begins[at] : begins[at + 1]]
        return self.rows[own], self.starts[own], self.ends[own]

    def mask(self, which: Ints) -> Mask:
        """Return a mask of the picture with only the components of the given indices."""
        chosen = np.zeros(len(self), bool)
        chosen[which] = True
        runs = chosen[self.owners]
        edges = np.zeros((self.shape[0], self.shape[1] + 1), np.int8)
        edges[self.rows[runs], self.starts[runs]] += 1
        edges[self.rows[runs], self.ends[runs]] -= 1
        return np.cumsum(edges[:, :-1], 1, dtype=np.int8).astype(bool)

    def moments(self) -> tuple[Floats, Floats, Floats]:
        """Return the spread of each component's pixels: variance of rows, variance of columns, and covariance."""
        lengths = (self.ends - self.starts).astype(np.float64)
        first, last = self.starts.astype(np.float64), self.ends - 1.0
        middles, rows = (first + last) / 2, self.rows.astype(np.float64)

        def mean(values: Floats) -> Floats:
            return np.bincount(self.owners, values * lengths, len(self)) / self.areas

        row, column = mean(rows), mean(middles)
        down, across = rows - row[self.owners], middles - column[self.owners]
        # A pixel is a square of side 1, with a variance of 1/12. The variance of a run of n pixels is n²/12.
        return mean(down * down) + 1 / 12, mean(across * across + lengths * lengths / 12), mean(down * across)

    def sums(self, values: Bytes | Mask) -> Ints:
        """Return the sum of `values`, a value for each pixel, over the pixels of each component."""
        running = np.zeros(values.size + 1, np.intp)
        np.cumsum(values, out=running[1:])
        at = self.rows * self.shape[1]
        return np.bincount(self.owners, running[at + self.ends] - running[at + self.starts], len(self)).astype(np.intp)


def components(mask: Mask) -> Components:
    """Return the connected components of a mask."""
    high, wide = mask.shape
    # Two empty columns after each row: no run touches a run of the next row across the edge, not even at a corner.
    stride = wide + 2
    flat = np.zeros(high * stride + 1, np.int8)
    flat[:-1].reshape(high, stride)[:, :wide] = mask
    edges = np.flatnonzero(np.diff(flat, prepend=0))
    starts, ends = edges[::2], edges[1::2]
    owners = _owners(starts, ends, stride)
    rows = starts // stride
    count = int(owners.max()) + 1 if len(owners) else 0
    starts, ends = starts - rows * stride, ends - rows * stride
    far = max(high, wide) + 1
    tops, lefts = np.full(count, far), np.full(count, far)
    bottoms, rights = np.zeros(count, np.intp), np.zeros(count, np.intp)
    np.minimum.at(tops, owners, rows)
    np.minimum.at(lefts, owners, starts)
    np.maximum.at(bottoms, owners, rows + 1)
    np.maximum.at(rights, owners, ends)
    areas = np.bincount(owners, ends - starts, count).astype(np.intp)
    return Components((high, wide), rows, starts, ends, owners, areas, tops, bottoms, lefts, rights)


def _owners(starts: Ints, ends: Ints, stride: int) -> Ints:
    """Return the index of each run's component. Runs of neighbouring rows that touch belong to the same component."""
    first = np.searchsorted(ends, starts + stride, side="left")
    after = np.searchsorted(starts, ends + stride, side="right")
    count = np.maximum(after - first, 0)
    upper = np.repeat(np.arange(len(starts)), count)
    lower = np.arange(len(upper)) + np.repeat(first - np.cumsum(count) + count, count)
    root = np.arange(len(starts))
    while True:
        a, b = root[upper], root[lower]
        different = a != b
        if not different.any():
            break
        a, b = a[different], b[different]
        upper, lower = upper[different], lower[different]
        # The least of all neighbours, and not the last assigned: so half of the roots disappear in two rounds.
        np.minimum.at(root, np.maximum(a, b), np.minimum(a, b))
        while ((nearer := root[root]) != root).any():
            root = nearer
    return np.unique(root, return_inverse=True)[1].astype(np.intp)
