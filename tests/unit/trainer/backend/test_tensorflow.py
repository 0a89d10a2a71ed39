import numpy as np
import tensorflow as tf
from epochal_trainer.backend.tensorflow import in_order, order, shuffled
from hypothesis import given, settings
from hypothesis import strategies as st


def of_epoch(seed: int, epoch: int, samples: int = 50) -> list[int]:
    return [int(index) for index in order(samples, seed=seed, epoch=tf.constant(epoch))]


def test_an_order_holds_each_sample_once_and_follows_from_seed_and_epoch() -> None:
    assert sorted(of_epoch(7, 0)) == list(range(50))
    assert of_epoch(7, 3) == of_epoch(7, 3)
    assert len({tuple(of_epoch(seed, epoch)) for seed in (7, 8) for epoch in (0, 1)}) == 4


@settings(max_examples=20)
@given(samples=st.integers(1, 40), batch_size=st.integers(1, 50), epochs=st.integers(1, 3), data=st.data())
def test_every_epoch_holds_each_sample_once_with_its_label(
    samples: int, batch_size: int, epochs: int, data: st.DataObject
) -> None:
    features = np.arange(samples, dtype="uint8").reshape(-1, 1)
    batches = shuffled(features, np.arange(samples), batch_size=batch_size, seed=1)
    pairs = [(x[:, 0].tolist(), y.tolist()) for x, y in batches.since(0, 0, until=epochs).as_numpy_iterator()]
    steps = -(-samples // batch_size)
    assert len(pairs) == epochs * steps
    for epoch in range(epochs):
        of_this = pairs[epoch * steps : (epoch + 1) * steps]
        assert all(len(x) == batch_size for x, _ in of_this[:-1])
        assert sorted(index for x, _ in of_this for index in x) == list(range(samples))
        assert all(x == y for x, y in of_this)
        assert [index for x, _ in of_this for index in x] == of_epoch(1, epoch, samples)
    epoch, step = data.draw(st.integers(0, epochs - 1)), data.draw(st.integers(0, steps))
    rest = [(x[:, 0].tolist(), y.tolist()) for x, y in batches.since(epoch, step, until=epochs).as_numpy_iterator()]
    assert rest == pairs[epoch * steps + step :]


def test_weights_go_along() -> None:
    places = np.arange(7)
    arrays = places.reshape(-1, 1), places, places.astype("float32") / 2
    batches = [*shuffled(*arrays, batch_size=3, seed=1).since(0, 0, until=2), *in_order(*arrays, batch_size=3)]
    assert len(batches) == 3 * 3
    for _, labels, weights in batches:
        np.testing.assert_array_equal(weights, labels.numpy() / 2)


def test_features_keep_their_type() -> None:
    batches = shuffled(np.zeros((4, 2), "uint8"), np.zeros(4, "int16"), batch_size=2, seed=0).since(0, 0, until=1)
    assert [spec.dtype for spec in batches.element_spec] == [tf.uint8, tf.int16]


def test_nothing_tunes_itself_by_a_clock_that_may_jump() -> None:
    arrays = np.zeros((4, 1)), np.zeros(4)
    for data in (shuffled(*arrays, batch_size=2, seed=0).since(0, 0, until=1), in_order(*arrays, batch_size=2)):
        assert data.options().autotune.enabled is False


@settings(max_examples=20)
@given(samples=st.integers(1, 40), batch_size=st.integers(1, 50))
def test_what_is_evaluated_on_comes_in_its_order(samples: int, batch_size: int) -> None:
    features = np.arange(samples, dtype="uint8").reshape(-1, 1)
    data = in_order(features, np.arange(samples), batch_size=batch_size)
    pairs = [(x[:, 0].tolist(), y.tolist()) for x, y in data.as_numpy_iterator()]
    assert [index for x, _ in pairs for index in x] == list(range(samples))
    assert all(x == y for x, y in pairs)
    assert all(len(x) == batch_size for x, _ in pairs[:-1])
    assert int(data.cardinality()) == len(pairs)  # or Keras would take the end for data that ran out


def test_what_is_evaluated_on_is_of_the_types_that_keras_makes_of_arrays() -> None:
    data = in_order(np.zeros((4, 2), "float64"), np.zeros(4, "int16"), batch_size=2)
    assert [spec.dtype for spec in data.element_spec] == [tf.float32, tf.int16]
