"""Writes a long list as JSON, block by block: its values as Python objects take ten times the memory of the text."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson

BLOCK_VALUES = 16384
"""Values of a block: few enough to hold no other thread up, and enough that their number costs no time."""


def written(begin: int, end: int, width: int, items: Callable[[int, int], Any]) -> Iterator[bytes]:
    """Yields the JSON of a list in parts.

    Args:
        begin: The first item.
        end: The first item after the list.
        width: Values of an item.
        items: Returns the items from one to another as orjson takes them: a list or an array.
    """
    step = max(1, BLOCK_VALUES // max(1, width))
    if end - begin <= step:
        yield orjson.dumps(items(begin, end), option=orjson.OPT_SERIALIZE_NUMPY)
        return
    yield b"["
    for at in range(begin, end, step):
        if at > begin:
            yield b","
        yield orjson.dumps(items(at, min(at + step, end)), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
    yield b"]"
