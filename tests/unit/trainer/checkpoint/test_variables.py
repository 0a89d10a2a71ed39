"""Which variable of a checkpoint is which variable of a model."""

from collections.abc import Sequence

import pytest
from epochal_trainer.checkpoint.state import VariableState
from epochal_trainer.checkpoint.variables import Different, places


def described(paths: Sequence[str], shape: tuple[int, ...] = (2,), dtype: str = "float32") -> list[VariableState]:
    return [VariableState(path=path, shape=shape, dtype=dtype) for path in paths]


def found(there: Sequence[str], here: Sequence[str]) -> list[str]:
    """Returns the paths there of the variables here."""
    return [there[place] for place in places(described(there), described(here))]


@pytest.mark.parametrize(
    ("there", "here"),
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
def test_equal_paths_belong_together_in_any_order(there: list[str], here: list[str]) -> None:
    assert found(there, here) == here


@pytest.mark.parametrize(
    ("there", "here"),
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
def test_of_numbers_only_the_order_counts(there: list[str], here: list[str]) -> None:
    assert found(there, here) == there
    assert found(there[::-1], here) == there


def test_those_that_share_a_path_belong_together_by_order() -> None:
    there, here = described(["a/w", "b/w", "a/w"]), described(["a/w", "a/w", "b/w"])
    assert places(there, here) == [0, 2, 1]


@pytest.mark.parametrize(
    ("there", "here", "message"),
    [
        (["a/kernel"], ["b/kernel"], "there nothing, here b/kernel of shape"),
        (["a/kernel"], ["a/kernel", "a/bias"], "there nothing, here a/bias"),
        (["a/kernel", "a/bias"], ["a/kernel"], r"there a/bias of shape \(2,\) and type float32, here nothing"),
        (["block2a/w"], ["block2b/w"], "here block2b/w"),
        (["a_1/w", "a_2/w"], ["a_1/w", "a_2/w", "a_3/w"], "there nothing, here a_3/w"),
    ],
)
def test_what_has_no_counterpart_is_named(there: list[str], here: list[str], message: str) -> None:
    with pytest.raises(Different, match=message):
        found(there, here)


@pytest.mark.parametrize("change", [{"shape": (3,)}, {"dtype": "float16"}])
def test_shape_and_type_must_agree(change: dict[str, str]) -> None:
    with pytest.raises(Different, match=r"there a/w of shape \(2,\) and type float32, here a/w of shape"):
        places(described(["a/w"]), described(["a/w"], **change))  # type: ignore[arg-type]


def test_two_of_one_shape_are_not_exchanged() -> None:
    assert places(described(["a/kernel", "a/recurrent"]), described(["a/recurrent", "a/kernel"])) == [1, 0]
