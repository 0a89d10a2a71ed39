"""What is known of a model's answers before it gives them."""

import numpy as np

from tests.kit.served import digits, model, pair, small, spec


def test_how_large_an_answer_will_be_is_known_where_its_shape_is() -> None:
    assert digits().answer_bytes({"image": np.zeros((3, 28, 28, 1))}) == 3 * 10 * 4
    assert small().answer_bytes({"x": np.zeros((2, 2))}) == 2 * 3 * 4
    several = model([spec("x", ())], [spec("a", (4, 4), "float64"), spec("b", (-1, 4)), spec("c", (), "uint8")])
    assert several.answer_bytes({"x": np.zeros(5)}) == 5 * (16 * 8 + 1)
    assert pair().answer_bytes({"count": np.zeros(1)}) == 2 * 4 + 8


def test_what_is_no_sample_is_left_to_be_refused() -> None:
    assert small().answer_bytes({}) == 0
    assert small().answer_bytes({"x": np.array(1.0)}) == 0
