from itertools import islice

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.training import Training
from epochal_trainer.checkpoint import Position
from epochal_trainer.data.samples import Samples
from epochal_trainer.model.compile import compile_model
from epochal_trainer.model.stateful import check_batch_size, check_whole_batches, recurrent_states, stateful_layers
from epochal_trainer.training.fit import batches_from

from tests.unit.trainer.expect import expect_failure


def model(batch: int | None = 16, *, stateful: bool = True) -> keras.Model:
    inputs = keras.Input(batch_shape=(batch, 5, 3), name="x")
    inner = keras.Sequential([keras.layers.LSTM(4, stateful=stateful, return_sequences=True, name="inner")])
    both = keras.layers.Bidirectional(keras.layers.GRU(2, stateful=stateful), name="both")(inner(inputs))
    return keras.Model(inputs, keras.layers.Dense(3)(both))


def test_stateful_layers_are_found_inside_wrappers_and_models() -> None:
    assert sorted(layer.name for layer in stateful_layers(model())) == ["backward_gru", "forward_gru", "inner"]
    assert stateful_layers(model(stateful=False)) == []


def test_other_values_in_the_states_of_a_class_of_users_are_no_variables() -> None:
    for stateful, count in ((False, 0), (True, 1)):
        inputs, layer = keras.Input(batch_shape=(16, 5, 3)), keras.layers.SimpleRNN(2, stateful=stateful)
        built = keras.Model(inputs, layer(inputs))
        object.__setattr__(layer, "states", [None, *(layer.states or [])])  # as a class without tracking
        assert len(recurrent_states(built)) == count


def test_the_batch_size_must_be_that_of_the_model() -> None:
    check_batch_size(model(), 16)
    message = r"batchSize: found 32, but the layer '.+' has stateful: true, and .* of 16 samples: write batchSize: 16"
    with expect_failure("InvalidTraining", message):
        check_batch_size(model(), 32)


def test_data_sets_must_have_whole_batches() -> None:
    check_whole_batches(model(), {"training": 48, "validation": 16})
    message = r"must have a multiple of 16 samples, .*; found 1,050 training samples, 15 test samples: remove the rest"
    with expect_failure("InvalidData", message):
        check_whole_batches(model(), {"training": 1050, "validation": 16, "test": 15})


@pytest.mark.parametrize(
    ("samples", "epochs", "steps", "is_partial"),
    [
        (48, 9, None, False),
        (50, 1, None, True),
        (50, 1, 3, False),
        (50, 1, 4, True),
        (50, 3, 1, False),
        (50, 2, 2, True),
    ],
)
def test_partial_batches_that_are_never_reached(
    samples: int, epochs: int, steps: int | None, *, is_partial: bool
) -> None:
    data = Samples.single(np.zeros((samples, 5, 3)), np.zeros(samples), "x", "y")
    order = data.order(batch_size=16, seed=1, steps=steps)
    batches = data.shuffled_batches(order)
    taken = islice(batches.from_step(0, 0, until_pass=epochs * order.steps).as_numpy_iterator(), epochs * order.steps)
    assert any(len(labels) < 16 for _, labels in taken) == is_partial
    assert order.has_partial_batch(epochs) == is_partial


def test_keras_trains_on_the_whole_batches_before_a_partial_batch() -> None:
    data = Samples.single(np.ones((50, 5, 3), "float32"), np.zeros(50), "x", "y")
    trained = model()
    training = Training.model_validate({"loss": "SparseCategoricalCrossentropy", "epochs": 3, "stepsPerEpoch": 1})
    compile_model(trained, training)
    order = data.order(batch_size=16, seed=1, steps=1)
    batches = batches_from(data.shuffled_batches(order), order, Position(epoch=0), until=3)
    history = trained.fit(batches, epochs=3, steps_per_epoch=1, shuffle=False, verbose=0)
    assert len(history.epoch) == 3


@pytest.mark.parametrize("batch", [16, None])
def test_other_layers_take_batches_of_any_size(batch: int | None) -> None:
    check_batch_size(model(batch, stateful=False), 32)
    check_whole_batches(model(batch, stateful=False), {"training": 50})
