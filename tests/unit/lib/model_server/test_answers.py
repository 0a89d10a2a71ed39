"""A model is to answer the samples of its export as it did then."""

from typing import Any

import numpy as np
import pytest
from epochal_api.signature import TensorSpec
from epochal_lib.model_server.answers import AnswersDiffer, Arrays, check, largest_difference, samples
from epochal_lib.model_server.errors import ServeError

from tests.kit.models import check_of, signature

X = np.arange(10, dtype=np.float32).reshape(5, 2)


DAMAGED = check_of({"x": np.arange(400, dtype=np.float32).reshape(-1, 2)}, {"y": np.ones((200, 2), np.float32)}, "Last")


def test_reads_what_is_stored() -> None:
    told = signature(
        [TensorSpec(name="x", shape=[2], dtype="float32")], [TensorSpec(name="y", shape=[], dtype="str")], which="Best"
    )
    data = check_of({"x": X}, {"y": np.array(["a", "b", "c", "d", "e"])}, "Best")
    inputs, outputs = samples(data, told, "Best")
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
def test_refuses_what_holds_no_samples(data: bytes) -> None:
    told = signature(
        [TensorSpec(name="x", shape=[2], dtype="float32")], [TensorSpec(name="y", shape=[2], dtype="float32")]
    )
    with pytest.raises(ServeError) as ended:
        samples(data, told, "Last")
    assert ended.value.reason == "ModelDamaged"


def arrays(*values: float, dtype: str = "float32") -> Arrays:
    return {"y": np.array(values, dtype)}


@pytest.mark.parametrize(
    ("found", "expected", "difference"),
    [
        (arrays(1, 2), arrays(1, 2), 0),
        (arrays(1.00005, 2), arrays(1, 2), 5e-5),
        (arrays(10_000.5, 0), arrays(10_000, 0), 0.5),  # relative to the greatest
        (arrays(np.nan, np.inf), arrays(np.nan, np.inf), 0),
        (arrays(3, dtype="int64"), arrays(3, dtype="int64"), 0),
    ],
)
def test_takes_what_is_as_then(found: Arrays, expected: Arrays, difference: float) -> None:
    assert check(found, expected, 1e-4) == pytest.approx(difference, abs=1e-6)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (arrays(1.001, 2), arrays(1, 2)),
        (arrays(1, 2), arrays(1, 2, 3)),
        (arrays(np.nan, 2), arrays(1, 2)),
        (arrays(1, 2), arrays(np.nan, 2)),
        (arrays(1, np.inf), arrays(1, -np.inf)),
        (arrays(3, dtype="int64"), arrays(4, dtype="int64")),
        ({"y": np.array(["a"], object)}, {"y": np.array(["b"], object)}),
    ],
)
def test_refuses_what_is_not(found: Arrays, expected: Arrays) -> None:
    with pytest.raises(ServeError, match=r'^output "y": differs by') as ended:
        check(found, expected, 1e-4)
    assert ended.value.reason == "CheckDiffers"


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("expected", "found", "difference"),
    [
        ([NAN, INF, -INF], [NAN, INF, -INF], 0.0),
        ([NAN, 0.5], [NAN, 0.50005], 5e-5),
        ([], [], 0.0),
        ([True, False], [True, False], 0.0),
        (["a", "b"], ["a", "b"], 0.0),
    ],
)
def test_rounding_is_allowed(expected: list[Any], found: list[Any], difference: float) -> None:
    got = largest_difference({"y": np.array(found), "more": np.array(9)}, {"y": np.array(expected)}, 1e-4)
    assert got == pytest.approx(difference, rel=1e-3, abs=1e-12)


@pytest.mark.parametrize(
    ("expected", "found", "told"),
    [
        ([0.5, 1.0], [0.5, 1.0003], "differs by 0.0003, expected at most 0.0001"),
        ([5e3, 1.0], [5e3, 1.6], "differs by 0.6, expected at most 0.5"),
        ([0.5], [NAN], "differs by inf"),
        ([INF], [-INF], "differs by inf"),
        ([1e300, 0.0], [INF, 0.0], "differs by inf"),
        ([0.5], [0.5, 0.5], "found (2,) of float64, expected (1,) of float64"),
        ([0.5], [1], "found (1,) of int64, expected (1,) of float64"),
        ([3], [4], "differs by 1, expected at most 0.0003"),
        (["a"], ["b"], "differs by its text"),
    ],
)
def test_more_than_rounding_is_an_error(expected: list[Any], found: list[Any], told: str) -> None:
    with pytest.raises(AnswersDiffer) as error:
        largest_difference({"y": np.array(found)}, {"y": np.array(expected)}, 1e-4)
    assert told in str(error.value)


def test_the_largest_difference_of_all_outputs_counts() -> None:
    expected = {"a": np.zeros(3), "b": np.zeros((2, 2))}
    found = {"a": np.array([0, 2e-5, 0]), "b": np.array([[0, 0], [-3e-5, 0]])}
    assert largest_difference(found, expected, 1e-4) == pytest.approx(3e-5)
