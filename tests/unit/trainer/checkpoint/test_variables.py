"""Matching of a checkpoint's variables with those of a model."""

from collections.abc import Sequence

import pytest
from epochal_trainer.checkpoint.state import VariableState
from epochal_trainer.checkpoint.variables import VariablesDiffer, stored_indices


def described(paths: Sequence[str], shape: tuple[int, ...] = (2,), dtype: str = "float32") -> list[VariableState]:
    return [VariableState(path=path, shape=shape, dtype=dtype) for path in paths]


def found(stored: Sequence[str], current: Sequence[str]) -> list[str]:
    return [stored[place] for place in stored_indices(described(stored), described(current))]


@pytest.mark.parametrize(
    ("stored", "current"),
    [
        (["a/kernel", "a/bias"], ["a/kernel", "a/bias"]),
        (["a/kernel", "a/bias"], ["a/bias", "a/kernel"]),
        (["dense/kernel", "dense_1/kernel"], ["dense_1/kernel", "dense/kernel"]),
        (["a_9/kernel", "a_10/kernel"], ["a_10/kernel", "a_9/kernel"]),
        (["enc_1_1/kernel", "enc_1_2/kernel"], ["enc_1_2/kernel", "enc_1_1/kernel"]),
        (["enc/w", "enc_1/w", "enc_1_2/w"], ["enc_1_2/w", "enc_1/w", "enc/w"]),
        (["enc__1/w", "enc__2/w"], ["enc__2/w", "enc__1/w"]),
    ],
)
def test_equal_paths_match_in_any_order(stored: list[str], current: list[str]) -> None:
    assert found(stored, current) == current


@pytest.mark.parametrize(
    ("stored", "current"),
    [
        (["dense/kernel", "dense_1/kernel"], ["dense_4/kernel", "dense_5/kernel"]),
        (["conv2d_8/bias", "conv2d_9/bias"], ["conv2d_9/bias", "conv2d_10/bias"]),
        (
            ["adam/dense_kernel_momentum", "adam/dense_1_kernel_momentum"],
            ["adam/dense_1_kernel_momentum", "adam/dense_2_kernel_momentum"],
        ),
        (
            ["rnn/lstm/cell/kernel", "rnn_1/lstm_1/cell/kernel"],
            ["rnn_3/lstm_7/cell/kernel", "rnn_4/lstm_8/cell/kernel"],
        ),
        (["a/b", "a/b_1", "a_1/b", "a_1/b_1"], ["a_2/b", "a_2/b_1", "a_3/b", "a_3/b_1"]),
        (["seed_generator/state", "seed_generator_2/state"], ["seed_generator_11/state", "seed_generator_12/state"]),
    ],
)
def test_only_the_order_of_numbers_matters(stored: list[str], current: list[str]) -> None:
    assert found(stored, current) == stored
    assert found(stored[::-1], current) == stored


def test_variables_with_the_same_path_match_by_order() -> None:
    stored, current = described(["a/w", "b/w", "a/w"]), described(["a/w", "a/w", "b/w"])
    assert stored_indices(stored, current) == [0, 2, 1]


@pytest.mark.parametrize(
    ("stored", "current", "message"),
    [
        (["a/kernel"], ["b/kernel"], "the checkpoint has no such variable, the model has b/kernel of shape"),
        (["a/kernel"], ["a/kernel", "a/bias"], "has no such variable, the model has a/bias"),
        (["a/kernel", "a/bias"], ["a/kernel"], r"has a/bias of shape \(2,\) and type float32, the model has no such"),
        (["block2a/w"], ["block2b/w"], "the model has block2b/w"),
        (["a_1/w", "a_2/w"], ["a_1/w", "a_2/w", "a_3/w"], "has no such variable, the model has a_3/w"),
    ],
)
def test_the_error_names_unmatched_variables(stored: list[str], current: list[str], message: str) -> None:
    with pytest.raises(VariablesDiffer, match=message):
        found(stored, current)


@pytest.mark.parametrize("change", [{"shape": (3,)}, {"dtype": "float16"}])
def test_shape_and_type_must_be_equal(change: dict[str, str]) -> None:
    with pytest.raises(VariablesDiffer, match=r"has a/w of shape \(2,\) and type float32, the model has a/w of shape"):
        stored_indices(described(["a/w"]), described(["a/w"], **change))  # type: ignore[arg-type]


def test_variables_of_the_same_shape_are_not_exchanged() -> None:
    assert stored_indices(described(["a/kernel", "a/recurrent"]), described(["a/recurrent", "a/kernel"])) == [1, 0]
