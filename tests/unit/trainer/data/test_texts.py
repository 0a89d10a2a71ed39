"""Arrays of text."""

from typing import Any

import numpy as np
import pytest
from epochal_trainer.data.texts import as_characters, check_text_dtype, check_texts

from tests.unit.trainer.expect import expect_failure

TEXTS = ["what", "is it", "", "zebra 🦓"]


@pytest.mark.parametrize("texts", [np.array(TEXTS), np.char.encode(TEXTS, "utf-8"), np.array([TEXTS] * 3)])
def test_valid_texts(texts: Any) -> None:
    check_text_dtype(texts.dtype, "a.npz[note]")
    check_texts(texts, "a.npz[note]")
    assert as_characters(texts).ravel()[:4].tolist() == TEXTS


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        ("O", "Python objects, but the input has dtype: string: save them with numpy.array.texts, dtype=str"),
        ("f4", "elements of type float32, .*: write dtype: float32 for this input, or save texts"),
        ("U0", "elements of type <U0"),
        ("V8", "elements of type .*V8"),
    ],
)
def test_types_that_are_no_text(dtype: str, message: str) -> None:
    with expect_failure("UnsupportedType", rf"^a.npz\[note\] holds {message}", 65):
        check_text_dtype(np.dtype(dtype), "a.npz[note]")


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (np.array(["a", "b\ud800"]), r"characters that are no Unicode at \[1\]: decode the texts"),
        (np.array([2**31, 97], np.uint32).view("U1"), r"characters that are no Unicode at \[0\]"),
        (np.array([[b"a", b"b"], [b"c", b"\xff\xfe"]]), r"bytes that are not UTF-8 at \[1, 1\]"),
    ],
)
def test_invalid_texts(texts: Any, message: str) -> None:
    with expect_failure("InvalidData", rf"^a.npz\[note\] holds {message}", 65):
        check_texts(texts, "a.npz[note]")


def test_the_place_of_an_invalid_text_in_a_later_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epochal_trainer.data.texts.BLOCK_SIZE", 8)
    texts = np.array([b"a"] * 20 + [b"\xff"] + [b"a"] * 20)
    with expect_failure("InvalidData", r"at \[20\]"):
        check_texts(texts, "a.npz[note]")
