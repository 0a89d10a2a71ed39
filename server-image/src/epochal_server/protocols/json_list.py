"""Writes a long list as JSON in blocks: its values as Python objects take ten times the memory of the text."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson

BLOCK_VALUES = 16384
"""Number of values in a block: few enough not to hold up other threads, and enough to add no overhead."""


def written(begin: int, end: int, width: int, items: Callable[[int, int], Any]) -> Iterator[bytes]:
    """Yield the JSON of a list in parts.

    Args:
        begin: Index of the first item.
        end: Index after the last item.
        width: Number of values of an item.
        items: Returns a range of items as a list or an array for orjson.
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
