import numpy as np
import pytest
import tensorflow as tf
from epochal_trainer.backend.tensorflow import ordered_batches, sample_order, shuffled_batches


def order_of(seed: int, pass_index: int, samples: int = 50) -> list[int]:
    return [int(index) for index in sample_order(samples, seed=seed, pass_index=tf.constant(pass_index))]


def test_sample_order() -> None:
    assert sorted(order_of(7, 0)) == list(range(50))
    assert order_of(7, 3) == order_of(7, 3)
    assert len({tuple(order_of(seed, pass_index)) for seed in (7, 8) for pass_index in (0, 1)}) == 4


@pytest.mark.parametrize(
    ("samples", "batch_size", "passes", "begin"),
    [
        (1, 1, 1, (0, 0)),
        (12, 4, 3, (1, 2)),
        (11, 4, 2, (0, 3)),  # after the last step of a pass
        (11, 4, 2, (1, 2)),  # the batch of the rest
        (5, 50, 2, (1, 0)),
    ],
)
def test_shuffled_batches(samples: int, batch_size: int, passes: int, begin: tuple[int, int]) -> None:
    features = np.arange(samples, dtype="uint8").reshape(-1, 1)
    batches = shuffled_batches(features, np.arange(samples), batch_size=batch_size, seed=1)
    pairs = [(x[:, 0].tolist(), y.tolist()) for x, y in batches.from_step(0, 0, until_pass=passes).as_numpy_iterator()]
    steps = -(-samples // batch_size)
    assert len(pairs) == passes * steps
    for pass_index in range(passes):
        of_pass = pairs[pass_index * steps : (pass_index + 1) * steps]
        assert all(len(x) == batch_size for x, _ in of_pass[:-1])
        assert sorted(index for x, _ in of_pass for index in x) == list(range(samples))
        assert all(x == y for x, y in of_pass)
        assert [index for x, _ in of_pass for index in x] == order_of(1, pass_index, samples)
    pass_index, step = begin
    rest = [
        (x[:, 0].tolist(), y.tolist())
        for x, y in batches.from_step(pass_index, step, until_pass=passes).as_numpy_iterator()
    ]
    assert rest == pairs[pass_index * steps + step :]


def test_batches_with_weights() -> None:
    indices = np.arange(7)
    arrays = indices.reshape(-1, 1), indices, indices.astype("float32") / 2
    batches = [
        *shuffled_batches(*arrays, batch_size=3, seed=1).from_step(0, 0, until_pass=2),
        *ordered_batches(*arrays, batch_size=3),
    ]
    assert len(batches) == 3 * 3
    for _, labels, weights in batches:
        np.testing.assert_array_equal(weights, labels.numpy() / 2)


def test_shuffled_batches_keep_dtypes() -> None:
    batches = shuffled_batches(np.zeros((4, 2), "uint8"), np.zeros(4, "int16"), batch_size=2, seed=0).from_step(
        0, 0, until_pass=1
    )
    assert [spec.dtype for spec in batches.element_spec] == [tf.uint8, tf.int16]


def test_autotune_is_disabled() -> None:
    arrays = np.zeros((4, 1)), np.zeros(4)
    for data in (
        shuffled_batches(*arrays, batch_size=2, seed=0).from_step(0, 0, until_pass=1),
        ordered_batches(*arrays, batch_size=2),
    ):
        assert data.options().autotune.enabled is False


@pytest.mark.parametrize(("samples", "batch_size"), [(1, 1), (12, 4), (11, 4), (5, 50)])
def test_ordered_batches(samples: int, batch_size: int) -> None:
    features = np.arange(samples, dtype="uint8").reshape(-1, 1)
    data = ordered_batches(features, np.arange(samples), batch_size=batch_size)
    pairs = [(x[:, 0].tolist(), y.tolist()) for x, y in data.as_numpy_iterator()]
    assert [index for x, _ in pairs for index in x] == list(range(samples))
    assert all(x == y for x, y in pairs)
    assert all(len(x) == batch_size for x, _ in pairs[:-1])
    assert int(data.cardinality()) == len(pairs)  # otherwise Keras warns that the data ran out


def test_ordered_batches_have_the_dtypes_of_keras() -> None:
    data = ordered_batches(np.zeros((4, 2), "float64"), np.zeros(4, "int16"), batch_size=2)
    assert [spec.dtype for spec in data.element_spec] == [tf.float32, tf.int16]
