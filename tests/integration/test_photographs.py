"""A network that reads MNIST's digits reads them on photographs of paper, too."""

from functools import cache

import numpy as np
import pytest
from epochal_photographs.decode import decode
from epochal_photographs.digit import MIN_SIDE, find_digit, find_digits

from tests.photographs.digits import selection
from tests.photographs.families import photographs
from tests.photographs.network import Network
from tests.photographs.score import MAX_PIXELS, Score, score
from tests.photographs.several import sheet

SEED = 20_181
SHEETS = 12
OTHERS = {
    "ruled": 5,
    "squared": 5,
    "scan": 10,
    "box": 10,
    "mouse": 12,
    "marker": 5,
    "hairline": 8,
    "light on dark": 8,
    "small": 12,
    "far": 6,
    "text": 6,
    "whiteboard": 6,
    "desk": 6,
    "pencil": 6,
    "close": 4,
    "moving": 6,
    "original": 10,
}
"""How many photographs there are of families besides `phone`."""


@cache
def of(family: str, count: int) -> Score:
    return score(photographs(family, *selection(), count, SEED), Network())


def test_the_network_reads_the_digits_themselves() -> None:
    images, labels = selection()
    assert (Network().classes(images) == labels).mean() >= 0.99


def test_photographs_of_a_phone() -> None:
    assert of("phone", 60).part >= 0.95


@pytest.mark.timeout(600)
def test_photographs_of_other_families() -> None:
    scores = {family: of(family, count) for family, count in OTHERS.items()}
    right, every = sum(item.right for item in scores.values()), sum(item.photographs for item in scores.values())
    assert right >= 0.95 * every
    assert {family: one.part for family, one in scores.items() if one.part < 0.8} == {}


def test_a_photograph_of_12_megapixels() -> None:
    (photograph,) = photographs("large", *selection(), 1, SEED)
    image = find_digit(decode(photograph.data, max_pixels=MAX_PIXELS, min_side=MIN_SIDE))
    assert Network().classes(image[None])[0] == photograph.label


def test_several_digits_on_one_sheet() -> None:
    images, labels = selection()
    right = []
    for seed in range(SHEETS):
        draw = np.random.default_rng([SEED, seed])
        chosen = draw.permutation(len(images))[:5]
        found = find_digits(decode(sheet(images[chosen], draw), max_pixels=MAX_PIXELS, min_side=MIN_SIDE))
        if len(found) == len(chosen):
            right += (Network().classes(np.stack([item.image for item in found])) == labels[chosen]).tolist()
    assert len(right) >= 0.9 * 5 * SHEETS
    assert np.mean(right) >= 0.95
