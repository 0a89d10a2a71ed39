"""The check of a loaded model by the stored samples of its export."""

from typing import Any

import numpy as np
import pytest
from epochal_api.signature import TensorSpec
from epochal_lib.model_server.answers import AnswersDiffer, check, largest_difference, samples
from epochal_lib.model_server.errors import ServeError

from tests.kit.models import check_of, signature

X = np.arange(10, dtype=np.float32).reshape(5, 2)


DAMAGED = check_of({"x": np.arange(400, dtype=np.float32).reshape(-1, 2)}, {"y": np.ones((200, 2), np.float32)}, "Last")


def test_loads_the_stored_samples() -> None:
    text = TensorSpec(name="y", shape=[], dtype="str")
    described = signature([TensorSpec(name="x", shape=[2], dtype="float32")], [text], which="Best")
    data = check_of({"x": X}, {"y": np.array(["a", "b", "c", "d", "e"])}, "Best")
    inputs, outputs = samples(data, described, "Best")
    assert inputs["x"].tolist() == X.tolist()
    assert (outputs["y"].dtype.kind, outputs["y"].tolist()) == ("O", ["a", "b", "c", "d", "e"])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no archive",
        check_of({"x": X}, {"z": X}),
        check_of({"x": X}, {"y": X}, "Best"),
        DAMAGED[:-30],
        DAMAGED[:200] + bytes(60) + DAMAGED[260:],
    ],
)
def test_refuses_a_damaged_file_of_samples(data: bytes) -> None:
    x, y = (TensorSpec(name=name, shape=[2], dtype="float32") for name in "xy")
    with pytest.raises(ServeError) as error:
        samples(data, signature([x], [y]), "Last")
    assert error.value.reason == "ModelDamaged"


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("expected", "found", "difference"),
    [
        ([NAN, INF, -INF], [NAN, INF, -INF], 0.0),
        ([NAN, 0.5], [NAN, 0.50005], 5e-5),
        ([10_000.0, 0.0], [10_000.5, 0.0], 0.5),  # the tolerance is relative to the greatest value
        ([3], [3], 0.0),
        ([], [], 0.0),
        ([True, False], [True, False], 0.0),
        (["a", "b"], ["a", "b"], 0.0),
    ],
)
def test_accepts_a_difference_within_the_tolerance(expected: list[Any], found: list[Any], difference: float) -> None:
    largest = largest_difference({"y": np.array(found), "more": np.array(9)}, {"y": np.array(expected)}, 1e-4)
    assert largest == pytest.approx(difference, rel=1e-3, abs=1e-12)


@pytest.mark.parametrize(
    ("expected", "found", "message"),
    [
        ([0.5, 1.0], [0.5, 1.0003], "differs by 0.0003, expected at most 0.0001"),
        ([5e3, 1.0], [5e3, 1.6], "differs by 0.6, expected at most 0.5"),
        ([0.5], [NAN], "differs by inf"),
        ([NAN], [0.5], "differs by inf"),
        ([INF], [-INF], "differs by inf"),
        ([1e300, 0.0], [INF, 0.0], "differs by inf"),
        ([0.5], [0.5, 0.5], "found (2,) of float64, expected (1,) of float64"),
        ([0.5], [1], "found (1,) of int64, expected (1,) of float64"),
        ([3], [4], "differs by 1, expected at most 0.0003"),
        (["a"], ["b"], "differs by its text"),
    ],
)
def test_reports_a_greater_difference(expected: list[Any], found: list[Any], message: str) -> None:
    with pytest.raises(AnswersDiffer) as error:
        largest_difference({"y": np.array(found)}, {"y": np.array(expected)}, 1e-4)
    assert message in str(error.value)


def test_a_model_with_other_answers_than_at_its_export_is_not_served() -> None:
    with pytest.raises(ServeError, match=r'^output "y": differs by') as error:
        check({"y": X + 1}, {"y": X}, 1e-4)
    assert error.value.reason == "CheckDiffers"


def test_returns_the_largest_difference_of_all_outputs() -> None:
    expected = {"a": np.zeros(3), "b": np.zeros((2, 2))}
    found = {"a": np.array([0, 2e-5, 0]), "b": np.array([[0, 0], [-3e-5, 0]])}
    assert largest_difference(found, expected, 1e-4) == pytest.approx(3e-5)
