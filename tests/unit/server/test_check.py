"""A model is to answer the samples of its export as it did then."""

import numpy as np
import pytest
from epochal_api.signature import TensorSpec
from epochal_server import check
from epochal_server.ending import Ended
from epochal_server.model.model import Arrays

from tests.kit.models import check_of, signature

X = np.arange(10, dtype=np.float32).reshape(5, 2)


class Doubling:
    """A model that gives its samples twice as large."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def run(self, inputs: Arrays) -> Arrays:
        self.sizes.append(len(inputs["x"]))
        return {"y": 2 * inputs["x"]}


def test_reads_what_is_stored() -> None:
    told = signature(
        [TensorSpec(name="x", shape=[2], dtype="float32")], [TensorSpec(name="y", shape=[], dtype="str")], which="Best"
    )
    data = check_of({"x": X}, {"y": np.array(["a", "b", "c", "d", "e"])}, "Best")
    inputs, outputs = check.samples(data, told, "Best")
    assert inputs["x"].tolist() == X.tolist()
    assert (outputs["y"].dtype.kind, outputs["y"].tolist()) == ("O", ["a", "b", "c", "d", "e"])


@pytest.mark.parametrize(
    "data", [b"", b"no archive", check_of({"x": X}, {"z": X}), check_of({"x": X}, {"y": X}, "Best")]
)
def test_refuses_what_holds_no_samples(data: bytes) -> None:
    told = signature(
        [TensorSpec(name="x", shape=[2], dtype="float32")], [TensorSpec(name="y", shape=[2], dtype="float32")]
    )
    with pytest.raises(Ended) as ended:
        check.samples(data, told, "Last")
    assert ended.value.reason == "ModelDamaged"


@pytest.mark.parametrize(("most", "sizes"), [(8, [5]), (2, [2, 2, 1])])
def test_computes_as_many_as_it_may_at_a_time(most: int, sizes: list[int]) -> None:
    runtime = Doubling()
    found = check.run(runtime, {"x": X}, most)  # type: ignore[arg-type]
    assert found["y"].tolist() == (2 * X).tolist()
    assert runtime.sizes == sizes


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
    assert check.check(found, expected, 1e-4) == pytest.approx(difference, abs=1e-6)


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
    with pytest.raises(Ended, match='output "y": differs by') as ended:
        check.check(found, expected, 1e-4)
    assert ended.value.reason == "CheckDiffers"
