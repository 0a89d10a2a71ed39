"""Connected components of masks, compared with a flood fill."""

import numpy as np
import pytest
from epochal_photographs.digit.components import components
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.booleans())


def flooded(mask: np.ndarray) -> list[set[tuple[int, int]]]:
    left = {(int(row), int(column)) for row, column in zip(*np.nonzero(mask), strict=True)}
    found = []
    while left:
        reached = [left.pop()]
        for row, column in reached:
            near = {(row + down, column + across) for down in (-1, 0, 1) for across in (-1, 0, 1)} & left
            left -= near
            reached.extend(near)
        found.append(set(reached))
    return found


def pixels(mask: np.ndarray) -> set[tuple[int, int]]:
    return {(int(row), int(column)) for row, column in zip(*np.nonzero(mask), strict=True)}


@given(masks)
def test_finds_the_components_of_a_flood_fill(mask: np.ndarray) -> None:
    found = components(mask)
    each = [pixels(found.mask(np.array([at]))) for at in range(len(found))]
    assert sorted(map(sorted, each)) == sorted(map(sorted, flooded(mask)))


@given(masks)
def test_finds_bounds_and_areas(mask: np.ndarray) -> None:
    found = components(mask)
    for at in range(len(found)):
        rows, columns = np.nonzero(found.mask(np.array([at])))
        assert found.areas[at] == len(rows)
        assert (found.tops[at], found.bottoms[at]) == (rows.min(), rows.max() + 1)
        assert (found.lefts[at], found.rights[at]) == (columns.min(), columns.max() + 1)


@given(masks, st.integers(0, 2**32 - 1))
def test_sums_values_in_each_component(mask: np.ndarray, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 256, mask.shape, np.uint8)
    found = components(mask)
    sums = found.sums(values)
    assert sums.tolist() == [int(values[found.mask(np.array([at]))].sum()) for at in range(len(found))]


@given(masks)
def test_computes_the_spread_of_pixels(mask: np.ndarray) -> None:
    found = components(mask)
    down, across, both = found.moments()
    for at in range(len(found)):
        rows, columns = np.nonzero(found.mask(np.array([at])))
        assert down[at] == pytest.approx(rows.var() + 1 / 12)
        assert across[at] == pytest.approx(columns.var() + 1 / 12)
        assert both[at] == pytest.approx(((rows - rows.mean()) * (columns - columns.mean())).mean(), abs=1e-9)


def test_returns_a_mask_of_several_components() -> None:
    mask = np.eye(9, dtype=bool)[:, ::2]
    found = components(mask)
    assert np.array_equal(found.mask(np.arange(len(found))), mask)


def test_an_empty_mask_has_no_components() -> None:
    found = components(np.zeros((3, 4), bool))
    assert len(found) == 0
    assert not found.mask(np.arange(0)).any()
