"""Checks arrays of text, which are the samples of an input with `dtype: string`."""

from typing import Any

import numpy as np

from epochal_trainer.data.arrays import BLOCK_SIZE, TEXT_KINDS, Array, first_index
from epochal_trainer.data.source import MAX_SHOWN
from epochal_trainer.lib.failures import Failure, bad_data

TEXT_BYTES = 24
"""Bytes of memory that the framework needs for each text, in addition to its characters."""
_SURROGATES = (0xD800, 0xDFFF)
_MAX_CHARACTER = 0x10FFFF


def check_text_dtype(dtype: np.dtype[Any], source: str) -> None:
    """Check that the elements of an array are NumPy text (S or U), and not Python objects.

    Raises:
        Failure: UnsupportedType.
    """
    if dtype.kind in TEXT_KINDS and dtype.itemsize and dtype.subdtype is None:
        return
    found = "Python objects" if dtype.hasobject else f"elements of type {dtype!s:.{MAX_SHOWN}}"
    advice = "save them with numpy.array(texts, dtype=str)"
    if dtype.kind in "biuf":
        advice = f"write dtype: {dtype} for this input, or save texts"
    raise bad_data("UnsupportedType", f"{source} holds {found}, but the input has dtype: string: {advice}")


def check_texts(texts: Array, source: str) -> None:
    """Check that all elements of an array of text are valid Unicode: characters, or bytes in UTF-8.

    Raises:
        Failure: InvalidData, with the first invalid text.
    """
    if not texts.size or not texts.ndim:
        return
    find_invalid = _find_invalid_characters if texts.dtype.kind == "U" else _find_invalid_utf8
    rows = max(1, BLOCK_SIZE // texts[:1].nbytes)
    for begin in range(0, len(texts), rows):
        if (index := find_invalid(texts[begin : begin + rows])) is not None:
            index[0] += begin
            raise _invalid_text(source, index, texts.dtype)


def as_characters(texts: Array) -> Array:
    """Return text with bytes in UTF-8 decoded to characters. Other text is returned unchanged."""
    return texts if texts.dtype.kind == "U" else np.char.decode(texts, "utf-8")


def _find_invalid_characters(texts: Array) -> list[int] | None:
    """Return the index of the first text with a code point that is no Unicode character; None if all are valid."""
    codes = np.ascontiguousarray(texts).view(np.uint32).reshape(*texts.shape, -1)
    low, high = _SURROGATES
    invalid = ((codes >= low) & (codes <= high)) | (codes > _MAX_CHARACTER)
    return first_index(invalid)[:-1] if invalid.any() else None


def _find_invalid_utf8(texts: Array) -> list[int] | None:
    """Return the index of the first text with bytes that are not UTF-8; None if all are valid."""
    for position, text in enumerate(texts.reshape(-1).tolist()):
        try:
            text.decode("utf-8")
        except UnicodeDecodeError:
            return [int(index) for index in np.unravel_index(position, texts.shape)]
    return None


def _invalid_text(source: str, index: list[int], dtype: np.dtype[Any]) -> Failure:
    kind = "characters that are no Unicode" if dtype.kind == "U" else "bytes that are not UTF-8"
    advice = "decode the texts with the encoding of their source, and save them with numpy.array(texts, dtype=str)"
    return bad_data("InvalidData", f"{source} holds {kind} at {index}: {advice}")
