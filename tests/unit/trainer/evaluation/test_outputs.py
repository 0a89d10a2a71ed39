"""Outputs of a network as a value for each class."""

import numpy as np
import pytest
from epochal_trainer.evaluation.outputs import Scale, class_values


@pytest.mark.parametrize(
    ("scale", "outputs", "expected"),
    [
        ("probabilities", [[0.2, 0.8]], [[0.2, 0.8]]),
        ("probabilities", [[0.9]], [[0.1, 0.9]]),
        ("probabilities", [[1.0000001, 0.0]], [[1.0, 0.0]]),
        ("shares", [[3.0, 1.0]], [[0.75, 0.25]]),
        ("shares", [[0.0, 0.0]], [[0.0, 0.0]]),
        ("logits", [[0.0, 0.0]], [[0.5, 0.5]]),
        ("logits", [[1000.0, -1000.0]], [[1.0, 0.0]]),
        ("logits", [[0.0]], [[0.5, 0.5]]),
        ("logits", [[-1000.0]], [[1.0, 0.0]]),
        ("scores", [[4.0, -7.0]], [[4.0, -7.0]]),
        ("scores", [[0.5]], [[-0.5, 0.5]]),
    ],
)
def test_class_values(scale: Scale, outputs: list[list[float]], expected: list[list[float]]) -> None:
    found = class_values(np.array(outputs, np.float32), scale)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    if scale != "scores":
        assert found.max() <= 1
