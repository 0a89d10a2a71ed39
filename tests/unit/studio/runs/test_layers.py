"""The network of a run as rows."""

from typing import Any

import pytest
from epochal_studio.runs.layers import layers, spec_of

DENSE = {"layer": "Dense", "units": 2, "activation": "relu"}


def test_layers_have_the_names_that_keras_gives_them() -> None:
    network = {"input": {"shape": [4]}, "layers": [DENSE, {"layer": "Dropout", "rate": 0.5, "name": "half"}]}
    assert layers({"network": network}) == [
        ["input", "Input", "shape=[4]"],
        ["dense_0", "Dense", 'units=2, activation="relu"'],
        ["half", "Dropout", "rate=0.5"],
    ]


def test_a_saved_model_and_code_are_one_row() -> None:
    assert layers({"model": {"uri": "s3://b/m.keras"}}) == [["model", "Saved model", 'uri="s3://b/m.keras"']]
    assert layers({"code": {"object": "net.py"}}) == [["code", "Python code", 'object="net.py"']]


def test_an_experiment_has_the_network_of_its_template() -> None:
    spec = {"template": {"spec": {"network": {"layers": [DENSE]}}}}
    assert [row[1] for row in layers(spec_of("Experiment", spec))] == ["Dense"]


DEEP: Any = 1
for _ in range(3000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "network",
    [None, [], {"layers": "x"}, {"layers": [None, 1, {}]}, {"input": 3, "inputs": [1, {}], "layers": [{"layer": []}]}],
)
def test_any_network_has_rows(network: Any) -> None:
    assert all(len(row) == 3 for row in layers({"network": network}))


def test_rows_are_bounded() -> None:
    many = [{"layer": "Dense", "units": "x" * 10_000, "deep": DEEP}] * 1200
    rows = layers({"network": {"input": {"shape": [4]}, "layers": many}})
    assert len(rows) == 1000
    assert max(len(cell) for row in rows for cell in row) <= 1000
