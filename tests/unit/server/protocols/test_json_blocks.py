"""Long lists become JSON block by block."""

import numpy as np
import orjson
import pytest
from epochal_server.protocols.json_values import BLOCK_VALUES, json_blocks


@pytest.mark.parametrize("width", [0, 1, 1000, 2 * BLOCK_VALUES])
@pytest.mark.parametrize(("begin", "end"), [(0, 0), (0, 1), (7, 7), (7, 40), (0, 40)])
def test_a_list_is_the_same_in_blocks(width: int, begin: int, end: int) -> None:
    found = np.arange(40 * width, dtype=np.int64).reshape(40, width)
    assert orjson.loads(b"".join(json_blocks(begin, end, width, lambda first, last: found[first:last]))) == (
        found[begin:end].tolist()
    )


def test_a_block_holds_no_more_values_than_it_may() -> None:
    sizes: list[int] = []

    def items(begin: int, end: int) -> list[int]:
        sizes.append(end - begin)
        return list(range(begin, end))

    assert orjson.loads(b"".join(json_blocks(0, 40_000, 3, items))) == list(range(40_000))
    assert max(sizes) == BLOCK_VALUES // 3
