"""format-1.zip is a checkpoint of format 1, from the training below: every later version must read it."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.network import Network
from epochal_api.trainingjob.training import Training
from epochal_trainer.checkpoint import Position, ResumeFacts, Snapshot, Start, archive, fit_to_model
from epochal_trainer.checkpoint.state import BestState
from epochal_trainer.model import network
from epochal_trainer.model.compile import compile_model, dry_run_metrics

from tests.unit.trainer.checkpoint.starts import FACTS as ANY

# Keras 3.15 under numpy 2.4: https://numpy.org/devdocs/numpy_2_0_migration_guide.html
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

FORMAT_1 = Path(__file__).with_name("format-1.zip")
LAYERS = [
    {"layer": "Dropout", "rate": 0.5},
    {"layer": "Dense", "units": 2, "dtype": "bfloat16"},
    {"layer": "BatchNormalization"},
    {"layer": "Dense", "units": 3, "activation": "softmax"},
]
TRAINING = {"loss": "SparseCategoricalCrossentropy", "optimizer": "Adam", "metrics": ["accuracy"], "seed": 7}
FACTS = ANY.model_copy(
    update={"batch_size": 4, "steps": 3, "data": {"a.npz": "0" * 64}, "loss": {"name": TRAINING["loss"]}}
)


def model() -> keras.Model:
    spec = Training.model_validate(TRAINING)
    described = Network.model_validate({"input": {"shape": [3]}, "layers": LAYERS})
    built = network.build(described, seed=spec.seed, memory=1 << 30)
    compile_model(built, spec)
    dry_run_metrics(built, spec, np.zeros(2, "int64"))
    return built


def test_facts_and_best_weights_keep_their_stored_names() -> None:
    earlier = {"epoch": 1, "metric": "loss", "mode": "Max", "value": 0.5, "where": "s3://results/old/"}
    stored = {
        "samples": 10,
        "batchSize": 4,
        "steps": 3,
        "seed": 7,
        "optimizer": {"name": "Adam"},
        "data": {"a.npz": "0" * 64},
        "loss": {"name": "mse"},
        "callbacks": [{"callback": "EarlyStopping"}],
        "networkFiles": {"s3://models/base.keras": "2" * 64},
        "division": {"shuffle": True},
        "recipe": "1" * 64,
        "before": earlier,
        "lost": 2,
        "dataChanged": 3,
        "seen": True,
    }
    facts = ResumeFacts.model_validate_json(json.dumps(stored))
    assert facts.earlier_best is not None
    assert facts.earlier_best.results_uri == "s3://results/old/"
    assert (facts.split_parameters, facts.training_digest) == ({"shuffle": True}, "1" * 64)
    assert (facts.lost_best_epoch, facts.data_changed, facts.validation_was_trained_on) == (2, 3, True)
    assert json.loads(facts.model_dump_json()) == stored
    best = {"epoch": 2, "own": False, "variables": []}
    assert not BestState.model_validate_json(json.dumps(best)).is_own
    assert json.loads(BestState.model_validate_json(json.dumps(best)).model_dump_json()) == best


def test_format_1_is_read() -> None:
    state, arrays = archive.read(FORMAT_1)
    snapshot = Snapshot(state, dict(arrays))
    snapshot.check()
    assert (state.position, state.attempt, state.seconds) == (Position(epoch=2, step=1, begun=True), 3, 0.5)
    assert [epoch.number for epoch in snapshot.history] == [1, 2]
    assert np.isnan(snapshot.history[0].metrics["val_loss"])
    assert state.files["callbacks/log.csv"].size == 12

    restored = model()
    start = fit_to_model(Start(snapshot, is_own=True, results_uri="here"), restored, FACTS, versions={})
    early = keras.callbacks.EarlyStopping(restore_best_weights=True)
    start.snapshot.restore(restored, [early])
    taken = Snapshot.of(
        restored, [early], position=Position(), history=[], seconds=0, facts=FACTS, attempt=1, files={}, versions={}
    )
    assert set(taken.arrays) == set(arrays)
    for name, array in taken.arrays.items():
        np.testing.assert_array_equal(array, arrays[name], err_msg=name)
    assert (early.wait, early.best) == (1, 0.25)
    assert restored.optimizer.iterations == 7
    assert arrays["model/1"].dtype.name == "bfloat16"
