"""Exported code builds every class of Keras as the trainer does: the same configuration, and the same first weights."""

import ast
from typing import Any

import keras
import numpy as np
import pytest
from epochal.exporters import export
from epochal.exporters.keras.script import sections
from epochal_api.trainingjob.spec import TrainingJob
from epochal_trainer.model import network
from epochal_trainer.model.compile import compile_model

from tests.unit.trainer.keras_classes import test_layers, test_training_classes
from tests.unit.trainer.keras_classes.script import Script

LAYERS = test_layers.CASES
TRAININGS = [pytest.param(script, id=text) for each in test_training_classes.SCRIPTS.values() for text, script in each]


@pytest.mark.filterwarnings("ignore:Layer 'flatten.*' .* was passed an input with a mask:UserWarning")
@pytest.mark.parametrize("script", [*LAYERS, *TRAININGS])
def test_exported_code_builds_the_model_of_the_trainer(script: Script) -> None:
    job = script.job()
    spec = job.spec
    assert spec.network is not None
    expected = network.build(spec.network, seed=spec.training.seed, memory=1 << 30, training=spec.training)
    compile_model(expected, spec.training)
    found = built(job)
    assert described(found) == described(expected)
    assert len(found.variables) == len(expected.variables)
    for variable, other in zip(found.variables, expected.variables, strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (variable, other)))
    ast.parse(export(job, "keras")["script.py"])  # with the callbacks


def built(job: TrainingJob) -> keras.Model:
    """Returns the compiled model of the exported code, in a new session as in a new process."""
    keras.utils.clear_session(free_memory=False)
    _, of_network, of_training, *_ = sections(job, simple=False)
    variables: dict[str, Any] = {"keras": keras, "layers": keras.layers, "SEED": job.spec.training.seed}
    lines = [line for line in [*of_network.lines, *of_training.lines] if line != "model.summary()"]
    exec("\n".join(lines), variables)  # noqa: S102 - it is the code under test
    model: keras.Model = variables["model"]
    model.optimizer.build(model.trainable_variables)
    return model


def described(model: keras.Model) -> dict[str, Any]:
    """Returns the configurations of a model and its training, without the name that Keras gives to a model."""
    loss = model.loss
    return {
        "network": model.get_config() | {"name": ""},
        "optimizer": keras.saving.serialize_keras_object(model.optimizer),
        "loss": loss if isinstance(loss, str) else keras.saving.serialize_keras_object(loss),
        "metrics": [
            each if isinstance(each, str) else (type(each).__name__, each.get_config())
            for each in model._compile_metrics._user_metrics or []
        ]
        if model._compile_metrics
        else [],
    }
