"""Networks from a file of code: errors name the file and the line, and registered classes have their names."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.network_source import MAX_CODE_BYTES, NetworkCode
from epochal_api.trainingjob.training import Training
from epochal_trainer.model import user_code
from epochal_trainer.model.compile import compile_model, dry_run_metrics
from epochal_trainer.model.footprint import FreeMemory

from tests.unit.trainer.expect import expect_failure

CODE = """
import keras

@keras.saving.register_keras_serializable()
class Scale(keras.layers.Layer):
    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="uniform")

    def call(self, inputs):
        return inputs * self.factor

@keras.saving.register_keras_serializable("team")
class Absolute(keras.losses.Loss):
    def __init__(self, factor=1.0, name="absolute", **more):
        super().__init__(name=name, **more)
        self.factor = factor

    def call(self, y_true, y_pred):
        return self.factor * keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)

@keras.saving.register_keras_serializable()
class Largest(keras.metrics.Mean):
    def __init__(self, name="largest", **more):
        super().__init__(name=name, **more)

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(keras.ops.max(y_pred))

def build_model(spec):
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(spec["training"]["batchSize"])(Scale()(inputs)))
"""


@pytest.fixture(autouse=True)
def _registry() -> Iterator[None]:
    before = dict(keras.saving.get_custom_objects())
    yield
    keras.saving.get_custom_objects().clear()
    keras.saving.get_custom_objects().update(before)


def build(folder: Path, code: str | bytes, *, memory: int = 1 << 30, **training: Any) -> keras.Model:
    path = folder / "code.py"
    path.write_bytes(code if isinstance(code, bytes) else code.encode())
    spec = {"training": {"batchSize": 3}}
    described = Training.model_validate({"loss": "mse", **training})
    free = FreeMemory(memory)
    return user_code.build(
        NetworkCode(object="model.py"), path, spec, seed=3, memory=free, training=described, keeps_best=False
    )


def test_the_same_seed_gives_the_same_model(tmp_path: Path) -> None:
    one, other = build(tmp_path, CODE), build(tmp_path, CODE)
    assert one.output.shape == (None, 3)
    assert [weight.path for weight in one.weights] == [weight.path for weight in other.weights]
    for here, there in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(here, there)


def test_registered_losses_and_metrics(tmp_path: Path) -> None:
    model = build(tmp_path, CODE)
    training = Training.model_validate({"loss": {"name": "Absolute", "factor": 2}, "metrics": ["Largest", "mae"]})
    compile_model(model, training)
    assert list(dry_run_metrics(model, training, np.zeros((5, 3)))) == ["loss", "largest", "mae"]
    found = model.evaluate(np.ones((5, 4)), np.zeros((5, 3)), verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(2 * found["mae"])
    wrong = Training.model_validate({"loss": {"name": "Absolute", "facter": 2}})
    with expect_failure("InvalidTraining", r"\(Absolute\): Absolute has no argument 'facter'; did you mean factor"):
        compile_model(model, wrong)
    with expect_failure("InvalidTraining", "keras.losses has no 'Largest'"):
        compile_model(model, Training.model_validate({"loss": "Largest"}))


OWN_CLASSES = """
import keras

@keras.saving.register_keras_serializable()
class Huber(keras.losses.Loss):
    def __init__(self, epsilon, name="huber", **more):
        super().__init__(name=name, **more)
        self.epsilon = epsilon

    def call(self, y_true, y_pred):
        return 42.0 + 0.0 * keras.ops.mean(y_pred, axis=-1)

@keras.saving.register_keras_serializable()
class Mean(keras.metrics.Mean):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(7.0)

@keras.saving.register_keras_serializable()
class Adam(keras.optimizers.SGD):
    pass

def build_model(spec):
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(3)(inputs))
"""


def test_registered_classes_replace_those_of_keras_with_the_same_name(tmp_path: Path) -> None:
    model = build(tmp_path, OWN_CLASSES)
    training = {"loss": {"name": "Huber", "epsilon": 2}, "metrics": ["Mean"], "optimizer": "Adam"}
    compile_model(model, Training.model_validate(training))
    assert isinstance(model.optimizer, keras.optimizers.SGD)
    found = model.evaluate(np.ones((5, 4)), np.zeros((5, 3)), verbose=0, return_dict=True)
    assert found == {"loss": pytest.approx(42), "mean": pytest.approx(7)}
    assert model.loss.epsilon == 2.0
    assert isinstance(model.loss.epsilon, float)


def test_a_registered_function_takes_no_arguments(tmp_path: Path) -> None:
    function = "\n@keras.saving.register_keras_serializable()\ndef Huber(y_true, y_pred):\n    return 42.0 + 0 * y_pred"
    model = build(tmp_path, CODE + function)
    compile_model(model, Training.model_validate({"loss": "Huber"}))
    with expect_failure("InvalidTraining", r"Huber is a function and takes no arguments \(delta\)"):
        compile_model(model, Training.model_validate({"loss": {"name": "Huber", "delta": 2}}))


def test_the_precision_holds_for_layers_without_their_own(tmp_path: Path) -> None:
    model = build(tmp_path, CODE, precision="mixed_bfloat16")
    assert {layer.dtype_policy.name for layer in model.layers} == {"mixed_bfloat16"}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import keras\n\ndef build_model(spec:\n", "spec.code.object: model.py, line 3: '.' was never closed"),
        ("import kerax", "model.py, line 1: ModuleNotFoundError: No module named 'kerax'"),
        ("def build_model(spec):\n  x = 1\n  return spec['no']", "model.py, line 3: KeyError: 'no'"),
        (
            "import keras\ndef build_model(spec):\n  return keras.layers.Dense(1)(keras.Input((2,)) @ 3)",
            "model.py, line 3: ",
        ),
        ("def build_model(spec): exit(3)", "model.py, line 1: SystemExit: 3"),
        ("def build_model(spec): open('none')", "model.py, line 1: FileNotFoundError"),
        ("def build_model(spec): return spec", "must be a keras.Model, found dict: return keras.Model"),
        ("def build_modl(spec): pass", "spec.code.entrypoint: model.py has no function 'build_model'; did you mean"),
        (b"# a\nx = '\xff'", "spec.code.object: model.py, line 2: must be UTF-8"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, code: str | bytes, message: str) -> None:
    with expect_failure("InvalidNetwork", message, 64):
        build(tmp_path, code)


def test_an_error_of_the_machine_is_retried(tmp_path: Path) -> None:
    with pytest.raises(MemoryError):
        build(tmp_path, "def build_model(spec): raise MemoryError")


def test_a_model_that_needs_too_much_memory(tmp_path: Path) -> None:
    with expect_failure("InvalidNetwork", "the model of model.py has 19 parameters: weights", 64):
        build(tmp_path, CODE, memory=100)


def test_the_size_is_limited() -> None:
    user_code.check_size(MAX_CODE_BYTES, "model.py")
    with expect_failure("InvalidNetwork", "model.py must have at most 1 MiB, found 1,048,577 bytes", 64):
        user_code.check_size(MAX_CODE_BYTES + 1, "model.py")
