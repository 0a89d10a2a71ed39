import keras
import pytest
from epochal_api.trainingjob.network import Named
from epochal_trainer.model import keras_objects
from epochal_trainer.model.keras_objects import InvalidObject, build, build_named, explain


@pytest.mark.parametrize(
    ("module", "spec", "expected"),
    [
        (keras.optimizers, Named(name="Adam", learning_rate=0.1), keras.optimizers.Adam),
        (keras.optimizers, Named(name="adam"), keras.optimizers.Adam),
        (keras.optimizers, Named(name="sgd", momentum=0.9), keras.optimizers.SGD),
        (keras.losses, Named(name="Huber", delta=2.0), keras.losses.Huber),
        (keras.metrics, Named(name="AUC", curve="PR"), keras.metrics.AUC),
    ],
)
def test_build_named(module: object, spec: Named, expected: type) -> None:
    assert type(build_named(module, spec)) is expected  # type: ignore[arg-type]


def test_short_name_of_a_function() -> None:
    assert build_named(keras.losses, Named(name="mse")) is keras.losses.mean_squared_error


def test_learning_rate_schedule() -> None:
    rate = {"name": "CosineDecay", "initial_learning_rate": 0.1, "decay_steps": 10}
    optimizer = build_named(keras.optimizers, Named(name="Adam", learning_rate=rate))
    assert float(optimizer.learning_rate) == pytest.approx(0.1)


def test_inner_optimizer() -> None:
    inner = {"name": "SGD", "learning_rate": 0.5}
    optimizer = build_named(keras.optimizers, Named(name="LossScaleOptimizer", inner_optimizer=inner))
    assert float(optimizer.inner_optimizer.learning_rate) == 0.5


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (Named(name="Adamm"), "keras.optimizers has no 'Adamm'; did you mean Adam"),
        (Named(name="Adam", rate=0.1), "Adam has no argument 'rate'"),
        (Named(name="Adam", beta1=0.1), r"Adam has no argument 'beta1'; did you mean beta_1"),
        (
            Named(name="Adam", momentum=0.9),
            r"Adam has no argument 'momentum', which is an argument of Muon, RMSprop, SGD$",
        ),
        (Named(name="Adam", learning_rate="fast"), r"Adam\(learning_rate='fast'\): "),
        (Named(name="Adam", learning_rate={"name": "Cosine"}), "learning_rate: keras.optimizers.schedules has no"),
        (Named(name="Optimizer"), "Optimizer cannot be used here: it is the base of other classes"),
        (Named(name="deserialize"), "keras.optimizers has no 'deserialize'"),
        (Named(name="__loader__"), "keras.optimizers has no '__loader__'"),
    ],
)
def test_invalid_optimizers(spec: Named, message: str) -> None:
    with pytest.raises(InvalidObject, match=message):
        build_named(keras.optimizers, spec)


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ({"activation": "sofmax"}, "did you mean softmax"),
        ({"kernel_initializer": "glorot_unifrom"}, "did you mean glorot_uniform"),
        ({"kernel_regularizer": "L1L3"}, "did you mean L1L2"),
    ],
)
def test_suggestions_for_identifiers(arguments: dict[str, str], meant: str) -> None:
    with pytest.raises(InvalidObject, match=meant):
        build(keras.layers, "Dense", {"units": 2, **arguments})


def test_suggestion_of_accuracy() -> None:
    with pytest.raises(InvalidObject, match="did you mean accuracy or Accuracy"):
        build_named(keras.metrics, Named(name="acuracy"))


@pytest.mark.parametrize(
    "value", [1, {"name": "Zeros"}, {"layer": "Danse"}, [{"layer": "Dense", "unit": 1}], "x" * 5_000]
)
def test_messages_shorten_arguments(value: object) -> None:
    with pytest.raises(InvalidObject) as caught:
        build(keras.layers, "Dense", {"x" * 50_000: value, "units": "y" * 50_000})
    assert len(str(caught.value)) < 1_500


def test_function_with_arguments() -> None:
    with pytest.raises(InvalidObject, match=r"mse is a function and takes no arguments \(delta\): use the class"):
        build_named(keras.losses, Named(name="mse", delta=1.0))


def test_objects_in_lists() -> None:
    cells = [{"layer": "GRUCell", "units": 2}, {"layer": "LSTMCell", "units": 3}]
    layer = build(keras.layers, "StackedRNNCells", {"cells": cells})
    assert [type(cell).__name__ for cell in layer.cells] == ["GRUCell", "LSTMCell"]


def test_explain() -> None:
    text = (
        "\x1b[1mGraph execution error:\x1b[0m\n\nDetected at node net/embedding_0/GatherV2 defined at (most recent "
        'call last):\n  File "/opt/x.py", line 1\n\nindices[0,0] = 30 is not in [0, 10)\n\t [[{{node x}}]] [Op:__f]'
    )
    assert explain(ValueError(text)) == (
        "Detected at node net/embedding_0/GatherV2: indices[0,0] = 30 is not in [0, 10)"
    )
    node = "{{function_node __wrapped__LogicalAnd_device_/job:localhost/replica:0/task:0/device:CPU:0}} "
    assert explain(ValueError(f"{node}Incompatible shapes: [2] vs. [2,4] [Op:LogicalAnd]")) == (
        "Incompatible shapes: [2] vs. [2,4]"
    )
    tensor = "<KerasTensor shape=(None, 4), dtype=float32, sparse=False, ragged=False, name=keras_tensor_67>"
    assert explain(ValueError(f"Inputs received: [{tensor}, {tensor}]")) == (
        "Inputs received: [<KerasTensor shape=(None, 4), dtype=float32>, <KerasTensor shape=(None, 4), dtype=float32>]"
    )
    named = (
        "Cannot find parent for tensor <KerasTensor shape=(None, 4), dtype=float32, sparse=False, ragged=False, name=n>"
    )
    assert explain(ValueError(named)) == named
    assert explain(KeyError()) == "KeyError"


def test_explain_omits_the_configuration_of_a_nested_layer() -> None:
    with pytest.raises(InvalidObject, match=r"Unrecognized keyword .* Dense: \{'go_backwards': True\}$") as caught:
        build(keras.layers, "Bidirectional", {"wrapped": {"layer": "Dense", "units": 1}})
    assert "config=" not in str(caught.value)


def test_trainer_errors_pass_through() -> None:
    with pytest.raises(KeyError), keras_objects.invalid_objects_as(ValueError):
        raise KeyError("converted")
    with pytest.raises(ValueError, match="no argument"), keras_objects.invalid_objects_as(ValueError):
        raise keras_objects.InvalidObject("Adam has no argument 'x'")
