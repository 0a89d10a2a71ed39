"""How many digits on photographs a network reads right, and how long it takes to find them."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from epochal_photographs.decode import decode
from epochal_photographs.digit import MIN_SIDE, find_digit
from epochal_photographs.errors import NoDigitFound

from tests.photographs.families import Photograph
from tests.photographs.network import Network
from tests.photographs.paper import Array

MAX_PIXELS = 2**24


@dataclass
class Score:
    """The results of photographs: right and wrong ones, and the milliseconds of CPU time of each."""

    right: int = 0
    wrong: list[tuple[Photograph, Array, int]] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)

    @property
    def photographs(self) -> int:
        return self.right + len(self.wrong)

    @property
    def part(self) -> float:
        """Share of the photographs that were read right, from 0 to 1."""
        return self.right / self.photographs


def score(photographs: Iterable[Photograph], network: Network) -> Score:
    result = Score()
    for photograph in photographs:
        began = time.process_time()
        image = _network_input(photograph)
        result.milliseconds.append(1000 * (time.process_time() - began))
        read_as = int(network.classes(image[None])[0])
        if read_as == photograph.label:
            result.right += 1
        else:
            result.wrong.append((photograph, image, read_as))
    return result


def _network_input(photograph: Photograph) -> Array:
    try:
        return find_digit(decode(photograph.data, max_pixels=MAX_PIXELS, min_side=MIN_SIDE))
    except NoDigitFound:
        return np.zeros((28, 28), np.uint8)
