"""Matching the checkpoint that a training starts from to its model and data."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.network import Network
from epochal_trainer.checkpoint import (
    Position,
    ResumeFacts,
    ResumePoint,
    Snapshot,
    Store,
    archive,
    check_matches_model,
    continued_facts,
    find,
    match_to_model,
)
from epochal_trainer.checkpoint.best_model import BestModel
from epochal_trainer.checkpoint.files import FileCopy
from epochal_trainer.data.samples import Samples
from epochal_trainer.lib.failures import Failure
from epochal_trainer.model import graph, network
from epochal_trainer.model.adapt import adapt
from epochal_trainer.reporting.best import Monitor
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.storage import FolderBucket

from tests.unit.trainer.checkpoint.starts import FACTS, RECIPE, URI, found, store, training

# Keras 3.15 under numpy 2.4: https://numpy.org/devdocs/numpy_2_0_migration_guide.html
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

Make = Callable[..., Snapshot]

VERSIONS = {"epochal": "0.1.0", "keras": "3.15.0", "tensorflow": "2.21.0"}


def model(units: int = 2, optimizer: Any = "Adam", metrics: tuple[str, ...] = ()) -> keras.Model:
    layers = [keras.Input((3,)), keras.layers.Dense(units, name="hidden"), keras.layers.Dense(1, name="out")]
    built = keras.Sequential(layers)
    built.compile(optimizer=optimizer, loss="mse", metrics=list(metrics), run_eagerly=True)
    built.optimizer.build(built.trainable_variables)
    built.compute_loss(x=None, y=np.zeros((1, 1)), y_pred=np.zeros((1, 1)))
    built.compute_metrics(x=None, y=np.zeros((1, 1)), y_pred=np.zeros((1, 1)))
    return built


def taken(
    of: keras.Model, *callbacks: Any, is_own: bool = False, facts: ResumeFacts = FACTS, **position: Any
) -> ResumePoint:
    """Takes a checkpoint, to go on from."""
    snapshot = Snapshot.of(
        of,
        callbacks,
        position=Position(**{"epoch": 1, **position}),
        history=[],
        seconds=0.25,
        facts=facts,
        attempt=3,
        files={},
        versions=VERSIONS,
    )
    return ResumePoint(snapshot, is_own=is_own, results_uri="s3://results/lab/old/1/checkpoints/")


def weights(of: keras.Model) -> list[Any]:
    return [np.array(weight) for weight in of.weights]


def test_a_matching_checkpoint_is_restored() -> None:
    stored, current = model(), model()
    start = taken(stored, is_own=True, step=3, begun=True)
    matched = match_to_model(start, current, FACTS, VERSIONS)
    assert matched.snapshot.state.position == Position(epoch=1, step=3, begun=True)
    matched.snapshot.restore(current, [])
    assert start.snapshot.size == 0  # Its memory is released.
    np.testing.assert_equal(weights(current), weights(stored))


SHAPES = r"the checkpoint has .*hidden/kernel of shape \(3, 2\) and type float32, the model has .* of shape \(3, 4\)"


def test_another_network_cannot_be_continued() -> None:
    with pytest.raises(Failure, match=f"continueFrom: the network must be the same as in s3://.*: {SHAPES}") as caught:
        match_to_model(taken(model()), model(units=4), FACTS, VERSIONS)
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidTraining", 64)


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ({"units": 4}, SHAPES),
        ({"optimizer": "SGD"}, "has no such variable, the model has sgd.*/iteration"),
        ({"optimizer": keras.optimizers.Adam(amsgrad=True)}, "no such variable, the model has adam.*/.*velocity_hat"),
    ],
)
def test_its_own_checkpoint_must_fit(other: dict[str, Any], found: str) -> None:
    with pytest.raises(Failure, match=f"the checkpoint of attempt 3 in s3://.*: .*{found}") as caught:
        match_to_model(taken(model(), is_own=True), model(**other), FACTS, VERSIONS)
    assert (caught.value.reason, caught.value.exit_code) == ("CheckpointMismatch", 64)
    assert "Check whether the image or the spec has changed. The checkpoint is kept" in caught.value.message


class Named(FolderBucket):
    """A folder under the name of a bucket."""

    def uri(self, key: str) -> str:
        return f"s3://results/{key}"


@pytest.mark.parametrize("harm", ["another network", "damage"])
def test_the_uri_in_the_message_can_be_continued_from(tmp_path: Path, harm: str) -> None:
    (tmp_path / "bucket").mkdir()

    def opened(folder: str) -> Store:
        return Store(Named(tmp_path / "bucket"), folder, tmp_path / "scratch")

    def go_on() -> None:
        found = opened("lab/old/1").newest()
        assert found is not None
        check_matches_model(
            ResumePoint(found, is_own=True, results_uri=opened("lab/old/1").uri),
            model(units=4),
            {"name": "Adam"},
            VERSIONS,
        )

    snapshot = taken(model(), epoch=0).snapshot
    opened("lab/old/1").write(snapshot)
    (path,) = (tmp_path / "bucket/lab/old/1/checkpoints").glob("*.zip")
    if harm == "damage":
        path.rename(tmp_path / "kept")
    with pytest.raises(Failure, match=re.escape("spec.training.continueFrom.uri")) as caught:
        go_on()
    if harm == "damage":
        (tmp_path / "kept").rename(path)
    (uri,) = set(re.findall(r"s3://\S+/(?=[\s,])", caught.value.message))
    spec = training(uri=uri)
    place = Named(tmp_path / "bucket"), uri.removeprefix("s3://results/").strip("/")
    start = find(opened("lab/new/2"), spec, RECIPE, lambda _: place)
    assert start is not None
    assert start.snapshot.state.time == snapshot.state.time


def test_a_mismatch_lists_changed_versions() -> None:
    now = {**VERSIONS, "keras": "3.16.0", "epochal": "0.2.0"}
    changed = (
        "Other software versions wrote the checkpoint: epochal was 0.1.0 and is 0.2.0, keras was 3.15.0 and is 3.16.0."
    )
    for is_own in (True, False):
        with pytest.raises(Failure, match=changed):
            match_to_model(taken(model(), is_own=is_own), model(units=4), FACTS, now)


def test_changed_versions_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    current = model()
    match_to_model(taken(model(), is_own=True), current, FACTS, {**VERSIONS, "numpy": "3.0"})
    assert caplog.text == ""
    match_to_model(taken(model(), is_own=True), current, FACTS, {**VERSIONS, "keras": "3.16.0"})
    assert "so the result may differ: keras was 3.15.0 and is 3.16.0" in caplog.text


def test_variables_are_matched_by_their_paths() -> None:
    """A later version of Keras may list them in another order."""
    stored, current = trained("Adam"), model()
    start = taken(stored, is_own=True)
    described = start.snapshot.state.variables["optimizer"]
    order = list(reversed(range(len(described))))
    arrays = {f"optimizer/{to}": start.snapshot.arrays[f"optimizer/{index}"] for to, index in enumerate(order)}
    start.snapshot.arrays.update(arrays)
    moved = {**start.snapshot.state.variables, "optimizer": [described[index] for index in order]}
    matched = match_to_model(
        ResumePoint(start.snapshot.changed(variables=moved), is_own=True, results_uri=""), current, FACTS, VERSIONS
    )
    matched.snapshot.restore(current, [])
    found, expected = ([np.array(variable) for variable in of.optimizer.variables] for of in (current, stored))
    np.testing.assert_equal(found, expected)


def with_optimizer(**arguments: Any) -> ResumeFacts:
    return FACTS.model_copy(update={"optimizer": arguments})


def trained(optimizer: Any) -> keras.Model:
    made = model(optimizer=optimizer)
    made.train_on_batch(np.ones((2, 3)), np.ones((2, 1)))
    return made


def frozen(*layers: str) -> keras.Model:
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(2, name="hidden", trainable="hidden" not in layers)(inputs)
    built = keras.Model(inputs, keras.layers.Dense(1, name="out", trainable="out" not in layers)(hidden))
    built.compile(optimizer="RMSprop", loss="mse", run_eagerly=True)
    built.optimizer.build(built.trainable_variables)
    return built


def test_other_frozen_layers_are_logged_and_the_rest_is_transferred(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    stored, current = frozen("hidden"), frozen("out")
    stored.train_on_batch(np.ones((2, 3)), np.ones((2, 1)))
    start = taken(stored)
    caplog.clear()
    check_matches_model(start, current, FACTS.optimizer, VERSIONS)
    assert caplog.text == ""
    match_to_model(start, current, FACTS, VERSIONS).snapshot.restore(current, [])
    assert current.optimizer.iterations == 1
    assert "the optimizer is reset for hidden." in caplog.text
    assert "optimizer variables are dropped for out." in caplog.text
    np.testing.assert_equal(weights(current), weights(stored))


def test_its_own_checkpoint_must_have_the_same_frozen_layers() -> None:
    with pytest.raises(Failure, match="does not match this training") as caught:
        match_to_model(taken(frozen("hidden"), is_own=True), frozen("out"), FACTS, VERSIONS)
    assert caught.value.reason == "CheckpointMismatch"


def test_a_mismatch_of_the_optimizer_is_reported_as_such() -> None:
    with pytest.raises(Failure, match=r"cannot transfer the optimizer's variables from s3://.*velocity_hat") as caught:
        match_to_model(taken(model()), model(optimizer=keras.optimizers.Adam(amsgrad=True)), FACTS, VERSIONS)
    assert caught.value.reason == "InvalidTraining"
    assert "To reset the optimizer, change an argument other than learning_rate" in caught.value.message


def test_continue_from_the_best_weights_only(tmp_path: Path) -> None:
    """The best epoch is the second, and the checkpoint is of the fourth."""
    best, last, current = trained("Adam"), trained("Adam"), model()
    history = [Epoch(number, 1, None, {"loss": 1.0}) for number in range(1, 5)]
    snapshot = taken(last, early(), facts=with_callbacks(EARLY), epoch=4).snapshot.changed(history=history)
    store(tmp_path, "lab/old/1").write(snapshot)
    folder = tmp_path / "bucket/lab/old/1"
    best.save(folder / "best.keras")
    digest = hashlib.sha256((folder / "best.keras").read_bytes()).hexdigest()
    models = [
        {"name": "best.keras", "epoch": 2, "sha256": digest},
        {"name": "model.keras", "epoch": 4, "sha256": digest},
    ]
    (folder / "summary.json").write_text(json.dumps({"models": models, "best": {"epoch": 2}}))

    start = found(tmp_path, training(epochs=3, **{"uri": URI, "from": "Best"}))
    assert start is not None
    assert str(start) == f"the end of epoch 2 ({folder}/best.keras)"
    check_matches_model(start, current, FACTS.optimizer, VERSIONS)
    callback = early(wait=0, best=None)
    matched = match_to_model(start, current, with_callbacks(EARLY), VERSIONS)
    assert matched.snapshot.state.position == Position(epoch=2)
    assert [epoch.number for epoch in matched.snapshot.history] == [1, 2]
    matched.snapshot.restore(current, [callback])
    np.testing.assert_equal(weights(current), weights(best))
    assert (current.optimizer.iterations, callback.wait, callback.best) == (0, 0, None)

    with pytest.raises(Failure, match=r"found 2, but 2 epochs were trained .*: write 4 to train 2 epochs more"):
        found(tmp_path, training(epochs=2, **{"uri": URI, "from": "Best"}))
    last_one = found(tmp_path, training(epochs=5, uri=URI))
    assert last_one is not None
    assert last_one.snapshot.state.position == Position(epoch=4)


def test_best_weights_of_another_network_fail(tmp_path: Path) -> None:
    path = tmp_path / "best.keras"
    model(units=4).save(path)
    start = replace(taken(model()), best_file=BestModel(1, "s3://results/best.keras", FileCopy(path)))
    with pytest.raises(Failure, match=r"continueFrom.from: s3://results/best.keras has weights of another network"):
        match_to_model(start, model(), FACTS, VERSIONS)


@pytest.mark.parametrize(("name", "arguments"), [("SGD", {}), ("Adam", {"beta_1": 0.5})])
def test_an_optimizer_with_another_description_is_reset(name: str, arguments: dict[str, float]) -> None:
    current = model(optimizer=getattr(keras.optimizers, name)(**arguments))
    matched = match_to_model(taken(trained("Adam")), current, with_optimizer(name=name, **arguments), VERSIONS)
    matched.snapshot.restore(current, [])
    assert current.optimizer.iterations == 0


DECAY = {"name": "CosineDecay", "initial_learning_rate": 0.1, "decay_steps": 100}


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("rates", [(0.001, 0.5), (DECAY, 0.5), (0.001, DECAY)], ids=str)
def test_another_learning_rate_keeps_the_moments(rates: tuple[Any, Any], *, scaled: bool) -> None:
    def optimizer(rate: Any) -> tuple[Any, ResumeFacts]:
        schedule = keras.optimizers.schedules.CosineDecay(0.1, 100) if isinstance(rate, dict) else rate
        made, described = keras.optimizers.Adam(schedule), {"name": "Adam", "learning_rate": rate}
        if scaled:
            made = keras.optimizers.LossScaleOptimizer(made)
            described = {"name": "LossScaleOptimizer", "inner_optimizer": described}
        return made, with_optimizer(**described)

    def moments(of: keras.Model) -> list[Any]:
        return [np.array(slot) for slot in of.optimizer.variables if slot.path.endswith(("_momentum", "_velocity"))]

    (one, facts), (other, now) = optimizer(rates[0]), optimizer(rates[1])
    stored, current = trained(one), model(optimizer=other)
    rate = float(current.optimizer.learning_rate)
    match_to_model(taken(stored, facts=facts), current, now, VERSIONS).snapshot.restore(current, [])
    assert current.optimizer.iterations == stored.optimizer.iterations == 1
    assert len(moments(current)) == 8
    np.testing.assert_equal(moments(current), moments(stored))
    assert float(current.optimizer.learning_rate) == pytest.approx(rate, rel=1e-3)


def test_a_reduced_learning_rate_is_kept() -> None:
    stored, current = model(), model()
    stored.optimizer.learning_rate = 1e-5
    match_to_model(taken(stored), current, FACTS, VERSIONS).snapshot.restore(current, [])
    assert float(current.optimizer.learning_rate) == float(np.float32(1e-5))


@pytest.mark.parametrize(
    "change",
    [
        {"samples": 12},
        {"batch_size": 5},
        {"seed": 8},
        {"split_parameters": {"shuffle": True, "stratify": False, "seed": 7}},
        {"loss": {"name": "mae"}},
        {},
    ],
    ids=str,
)
def test_an_epoch_with_other_batches_is_repeated(change: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    other = model(metrics=("mae",)) if not change else model()
    matched = match_to_model(taken(model(), step=3, begun=True), other, FACTS.model_copy(update=change), VERSIONS)
    assert matched.snapshot.state.position == Position(epoch=1)
    assert "metrics" not in matched.snapshot.state.variables
    assert "is from the middle of epoch 2, and" in caplog.text


OTHER_DATA = FACTS.model_copy(update={"data": {"a": "1" * 64}})


@pytest.mark.parametrize("is_own", [True, False])
def test_an_epoch_with_other_data_is_repeated(caplog: pytest.LogCaptureFixture, *, is_own: bool) -> None:
    matched = match_to_model(taken(model(), is_own=is_own, step=3, begun=True), model(), OTHER_DATA, VERSIONS)
    assert (matched.snapshot.state.position, matched.snapshot.state.seconds) == (Position(epoch=1), 0.0)
    assert "metrics" not in matched.snapshot.state.variables
    assert "The data have changed since the checkpoint was written (a)" in caplog.text
    assert "is from the middle of epoch 2, and" in caplog.text


@pytest.mark.parametrize(
    ("stored", "start", "current", "found"),
    [
        ({}, {"is_own": True}, FACTS, None),
        ({}, {"is_own": True}, OTHER_DATA, 1),
        ({}, {"is_own": False, "is_same": True}, OTHER_DATA, 1),
        ({}, {"is_own": False}, OTHER_DATA, None),
        ({"data_changed": 0}, {"is_own": True}, FACTS, 0),
        ({"data_changed": 0}, {"is_own": False, "is_same": True}, FACTS, 0),
        ({"data_changed": 0}, {"is_own": False}, FACTS, None),
        ({"data_changed": 0}, {"is_own": True}, OTHER_DATA, 1),
    ],
)
def test_data_changed(stored: dict[str, Any], start: dict[str, Any], current: ResumeFacts, found: int | None) -> None:
    of = replace(taken(model(), facts=FACTS.model_copy(update=stored)), **start)
    assert continued_facts(of, current, Monitor("loss")).data_changed == found


DRAWN = {"shuffle": True, "stratify": False, "seed": 7}


@pytest.mark.parametrize(
    ("stored", "current", "is_seen"),
    [
        ({"split_parameters": None}, {"split_parameters": {}}, False),
        ({"split_parameters": None}, {"split_parameters": None, "samples": 12}, False),
        ({"split_parameters": DRAWN}, {"split_parameters": DRAWN, "seed": 9}, False),
        ({"split_parameters": {}}, {"split_parameters": {}, "samples": 8}, True),
        ({"split_parameters": {}}, {"split_parameters": DRAWN}, True),
        ({"split_parameters": DRAWN}, {"split_parameters": {**DRAWN, "seed": 8}}, True),
        ({"split_parameters": {}}, {"split_parameters": DRAWN, "data": {"a": "1" * 64}}, False),
        ({"split_parameters": {}, "validation_was_trained_on": True}, {"split_parameters": {}}, True),
        ({"split_parameters": {}, "validation_was_trained_on": True}, {"split_parameters": None}, False),
        (
            {"split_parameters": {}, "validation_was_trained_on": True},
            {"split_parameters": {}, "data": {"a": "1" * 64}},
            False,
        ),
    ],
)
def test_validation_samples_seen_in_training(stored: dict[str, Any], current: dict[str, Any], *, is_seen: bool) -> None:
    start = taken(model(), facts=FACTS.model_copy(update=stored))
    assert (
        continued_facts(start, FACTS.model_copy(update=current), Monitor("loss")).validation_was_trained_on == is_seen
    )


EARLY = {"callback": "EarlyStopping", "patience": 3}
PLATEAU = {"callback": "ReduceLROnPlateau", "monitor": "loss"}


def with_callbacks(*described: dict[str, Any], loss: str = "mse") -> ResumeFacts:
    return FACTS.model_copy(update={"callbacks": list(described), "loss": {"name": loss}})


def early(**state: Any) -> keras.callbacks.EarlyStopping:
    made = keras.callbacks.EarlyStopping(patience=3)
    made.on_train_begin()
    vars(made).update({"wait": 2, "best": 0.5, **state})
    return made


def carried(
    stored: ResumeFacts, current: ResumeFacts, state: Any, *, is_own: bool = False
) -> keras.callbacks.EarlyStopping:
    """Return an EarlyStopping, the second of two callbacks, with the state of the first of two."""
    of, first, second = model(), keras.callbacks.ReduceLROnPlateau(monitor="loss"), early(wait=0, best=None)
    start = taken(model(), *((first, state) if is_own else (state, first)), facts=stored, is_own=is_own)
    match_to_model(start, of, current, VERSIONS).snapshot.restore(
        of, [keras.callbacks.ReduceLROnPlateau(monitor="loss"), second]
    )
    return second


def test_a_callback_takes_the_state_of_one_with_the_same_arguments() -> None:
    found = carried(with_callbacks(EARLY, PLATEAU), with_callbacks(PLATEAU, EARLY), early())
    assert (found.wait, found.best) == (2, 0.5)


@pytest.mark.parametrize(
    ("stored", "current"),
    [
        (with_callbacks({**EARLY, "monitor": "loss"}, PLATEAU), with_callbacks(PLATEAU, EARLY)),
        (with_callbacks({**EARLY, "patience": 2}, PLATEAU), with_callbacks(PLATEAU, EARLY)),
        (with_callbacks(), with_callbacks(PLATEAU, EARLY)),
    ],
    ids=["monitor", "patience", "none"],
)
def test_a_callback_with_other_arguments_is_reset(
    stored: ResumeFacts, current: ResumeFacts, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    found = carried(stored, current, early())
    assert (found.wait, found.best) == (0, None)
    assert "Callbacks without state in the checkpoint are reset: " in caplog.text


@pytest.mark.parametrize(
    "change",
    [{"loss": {"name": "mae"}}, {"data": {"a": "1" * 64}}, {"split_parameters": {"seed": 1}}, {"samples": 8}],
    ids=str,
)
@pytest.mark.parametrize("is_own", [True, False])
def test_best_values_that_are_not_comparable_are_forgotten(
    change: dict[str, Any], caplog: pytest.LogCaptureFixture, *, is_own: bool
) -> None:
    caplog.set_level("INFO")
    described: list[dict[str, Any]] = [EARLY, PLATEAU, {"callback": "ModelCheckpoint"}, {"callback": "SwapEMAWeights"}]
    facts = with_callbacks(*described)

    def callbacks(*, is_stored: bool) -> list[Any]:
        plateau = keras.callbacks.ReduceLROnPlateau(monitor="loss")
        plateau.on_train_begin()
        made = [early(), plateau, keras.callbacks.ModelCheckpoint("a.keras"), keras.callbacks.SwapEMAWeights()]
        made[0].best_weights = weights(stored) if is_stored else None
        made[1].wait, made[2]._current_epoch, made[3]._ema_weights_in_model = 2 * is_stored, 2 * is_stored, is_stored
        for callback in made[:3]:
            callback.best = 0.5 if is_stored else None
        made[0].wait = 2 * is_stored
        return made

    stored, current, found = model(), model(), callbacks(is_stored=False)
    start = taken(stored, *callbacks(is_stored=True), facts=facts, is_own=is_own)
    match_to_model(start, current, facts.model_copy(update=change), VERSIONS).snapshot.restore(current, found)
    assert [callback.best for callback in found[:3]] == [None] * 3
    assert (found[0].best_weights, found[0].wait, found[1].wait) == (None, 0, 0)
    assert (found[2]._current_epoch, found[3]._ema_weights_in_model) == (2, True)
    assert "forget their best value: EarlyStopping, ReduceLROnPlateau, ModelCheckpoint" in caplog.text


def test_a_training_that_a_callback_has_ended_keeps_its_best_weights() -> None:
    current, found, facts = model(), early(best_weights=None), with_callbacks(EARLY)
    start = taken(current, early(best_weights=weights(current)), facts=facts, is_own=True)
    start = replace(start, snapshot=start.snapshot.changed(stop_training=True))
    changed = facts.model_copy(update={"data": {"a": "1" * 64}})
    match_to_model(start, current, changed, VERSIONS).snapshot.restore(current, [found])
    assert found.best_weights is not None


def test_averages_are_not_swapped_back_from_a_new_optimizer() -> None:
    current, (stored, found) = model(), (keras.callbacks.SwapEMAWeights(), keras.callbacks.SwapEMAWeights())
    stored._ema_weights_in_model = True
    facts = with_callbacks({"callback": "SwapEMAWeights"})
    new = facts.model_copy(update={"optimizer": {"name": "SGD"}})
    match_to_model(taken(model(), stored, facts=facts), current, new, VERSIONS).snapshot.restore(current, [found])
    assert not found._ema_weights_in_model


def test_equal_callbacks_take_different_states() -> None:
    current, both = model(), (early(wait=0), early(wait=0))
    start = taken(model(), early(wait=1), early(wait=2), facts=with_callbacks(EARLY, EARLY))
    match_to_model(start, current, with_callbacks(EARLY, EARLY), VERSIONS).snapshot.restore(current, both)
    assert [callback.wait for callback in both] == [1, 2]


def test_exhausted_patience_is_reset() -> None:
    found = carried(with_callbacks(EARLY), with_callbacks(PLATEAU, EARLY), early(wait=3, stopped_epoch=9))
    assert (found.wait, found.stopped_epoch, found.best) == (0, 0, 0.5)


def test_its_own_callbacks_keep_their_state() -> None:
    facts = with_callbacks(PLATEAU, EARLY)
    found = carried(facts, facts, early(wait=3, stopped_epoch=9), is_own=True)
    assert (found.wait, found.stopped_epoch, found.best) == (3, 9, 0.5)


@pytest.mark.parametrize("is_own", [True, False])
def test_best_weights_of_early_stopping_are_reordered(*, is_own: bool) -> None:
    """Layers that are listed in another order are the same network."""

    def merged(order: list[str]) -> keras.Model:
        inputs = keras.Input((3,))
        parts = {name: keras.layers.Dense(2, name=name)(keras.layers.Dropout(0.5)(inputs)) for name in ("one", "other")}
        built = keras.Model(inputs, keras.layers.Add()([parts[name] for name in order]))
        built.compile(optimizer="SGD", loss="mse")
        return built

    stored, current = merged(["one", "other"]), merged(["other", "one"])
    assert [weight.path for weight in stored.weights] != [weight.path for weight in current.weights]
    facts = with_callbacks(EARLY)
    state = early(best_weights=stored.get_weights())
    found = early()
    match_to_model(taken(stored, state, facts=facts, is_own=is_own), current, facts, VERSIONS).snapshot.restore(
        current, [found]
    )
    current.set_weights(found.best_weights)
    for name in ("one", "other"):
        np.testing.assert_equal(current.get_layer(name).get_weights(), stored.get_layer(name).get_weights())


def test_callbacks_of_another_class_are_reset(make: Make) -> None:
    found, plateau = keras.callbacks.EarlyStopping(), keras.callbacks.ReduceLROnPlateau()
    make().changed(variables={}).restore(model(), [plateau, found])
    assert (plateau.wait, found.wait) == (0, 0)
    snapshot = make().changed(variables={})
    snapshot.restore(model(), [found])
    assert snapshot.arrays == {}
    assert (found.wait, found.best) == (2, 0.5)


def test_normalization_is_restored() -> None:
    def normalizing(values: Any) -> keras.Model:
        layer = keras.layers.Normalization()
        built = keras.Sequential([keras.Input((1,)), layer, keras.layers.Dense(1)])
        built.compile(optimizer="SGD", loss="mse")
        layer.adapt(np.array(values, "float32")[:, None])
        return built

    one, other = normalizing([1, 2, 3]), normalizing([10, 30])
    snapshot = Snapshot.of(
        one, [], position=Position(), history=[], seconds=0, facts=FACTS, attempt=1, files={}, versions={}
    )
    snapshot.restore(other, [])
    features = np.array([[0.5]], "float32")
    np.testing.assert_array_equal(one(features), other(features))


LOOKUPS: list[list[dict[str, Any]]] = [
    [{"layer": "IntegerLookup", "max_tokens": 4}],
    [{"layer": "IntegerLookup", "max_tokens": 6, "output_mode": "tf_idf", "pad_to_max_tokens": True}],
    [{"layer": "Discretization", "num_bins": 3}],
]
TOKENS = np.array([[7], [8], [9], [1]])


def stateful(batch: int = 4, *, is_stateful: bool = True) -> keras.Model:
    inputs = keras.Input(batch_shape=(batch, 5, 3))
    built = keras.Model(inputs, keras.layers.LSTM(2, stateful=is_stateful, name="lstm")(inputs))
    built.compile(optimizer="Adam", loss="mse", run_eagerly=True)
    built.optimizer.build(built.trainable_variables)
    return built


def after_a_batch() -> keras.Model:
    built = stateful()
    built(np.ones((4, 5, 3)))
    return built


def restored_states(start: ResumePoint, current: keras.Model) -> list[Any]:
    match_to_model(start, current, FACTS, VERSIONS).snapshot.restore(current, [])
    return [np.array(state) for state in current.get_layer("lstm").states or []]


@pytest.mark.parametrize("is_own", [True, False])
def test_states_of_recurrent_layers_are_restored(caplog: pytest.LogCaptureFixture, *, is_own: bool) -> None:
    stored = after_a_batch()
    expected = [np.array(state) for state in stored.get_layer("lstm").states]
    assert all(state.any() for state in expected)
    np.testing.assert_equal(restored_states(taken(stored, is_own=is_own), stateful()), expected)
    assert caplog.text == ""


@pytest.mark.parametrize("is_own", [True, False])
def test_a_checkpoint_without_states_is_read(caplog: pytest.LogCaptureFixture, *, is_own: bool) -> None:
    start = taken(after_a_batch(), is_own=is_own)
    del start.snapshot.state.variables["states"]
    assert not any(state.any() for state in restored_states(start, stateful()))
    assert "An earlier version of Epochal wrote the checkpoint, without the states of layers" in caplog.text


@pytest.mark.parametrize("current", [{"batch": 8}, {"is_stateful": False}], ids=["batch size", "not stateful"])
def test_states_that_do_not_fit_begin_at_zero(caplog: pytest.LogCaptureFixture, current: dict[str, Any]) -> None:
    caplog.set_level("INFO")
    found = restored_states(taken(after_a_batch()), stateful(**current))
    assert not any(state.any() for state in found)
    assert "stateful: true begin at zero, since they have changed: the checkpoint has lstm/rnn_state of" in caplog.text
    with pytest.raises(Failure, match=r"the checkpoint of attempt 3 .* does not match") as caught:
        match_to_model(taken(after_a_batch(), is_own=True), stateful(**current), FACTS, VERSIONS)
    assert caught.value.reason == "CheckpointMismatch"


def test_states_begin_at_zero_with_the_best_weights(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    stored = after_a_batch()
    stored.save(tmp_path / "best.keras")
    best_file = BestModel(1, "s3://results/best.keras", FileCopy(tmp_path / "best.keras"))
    current = stateful()
    assert not any(state.any() for state in restored_states(replace(taken(stored), best_file=best_file), current))
    np.testing.assert_equal(weights(current), weights(stored))
    assert "the states begin at zero" in caplog.text


def looking_up(layers: list[dict[str, Any]], values: list[Any], name: str | None = None) -> keras.Model:
    """Return a network with lookup layers that are adapted to values."""
    described = [{**layers[0], "name": name} if name else layers[0], *layers[1:], {"layer": "Dense", "units": 1}]
    dtype = "string" if isinstance(values[0], str) else "int64"
    spec = Network.model_validate({"input": {"shape": [1], "dtype": dtype}, "layers": described})
    built = network.build(spec, seed=1, memory=1 << 30)
    built.compile(optimizer="SGD", loss="mse")
    features = np.array(values)[:, None]
    adapt(built, graph.build_nodes(spec), Samples.single(features, np.zeros(len(features)), "features", "labels"))
    return built


@pytest.mark.parametrize("layers", LOOKUPS, ids=lambda layers: " ".join(map(str, layers[0].values())))
@pytest.mark.parametrize("is_own", [True, False])
def test_learned_state_is_restored(layers: Any, *, is_own: bool) -> None:
    stored, current = looking_up(layers, [7, 7, 7, 8, 8, 9]), looking_up(layers, [1, 7, 8, 8, 9, 9, 9])
    start = taken(stored, is_own=is_own)
    assert not np.array_equal(stored(TOKENS), current(TOKENS))
    facts = FACTS.model_copy(update={"data": {"a": "1" * 64}})
    match_to_model(start, current, facts, VERSIONS).snapshot.restore(current, [])
    np.testing.assert_array_equal(stored(TOKENS), current(TOKENS))


TEXTS: list[list[dict[str, Any]]] = [
    [{"layer": "StringLookup", "max_tokens": 4, "output_mode": "multi_hot", "pad_to_max_tokens": True}],
    [
        {"layer": "TextVectorization", "max_tokens": 6, "output_mode": "tf_idf", "pad_to_max_tokens": True},
        {"layer": "Reshape", "target_shape": [6]},
    ],
    [{"layer": "TextVectorization", "max_tokens": 5, "output_sequence_length": 3}],
]


@pytest.mark.parametrize("layers", TEXTS, ids=lambda layers: " ".join(map(str, layers[0].values())))
def test_learned_words_are_restored(layers: Any, tmp_path: Path) -> None:
    stored, current = looking_up(layers, ["a é", "a", "é"]), looking_up(layers, ["c", "é é", "é", "b"])
    texts = keras.ops.convert_to_tensor([["a"], ["é"], ["c"]])
    start = taken(stored, is_own=False)
    archive.write(tmp_path / "checkpoint.zip", start.snapshot.arrays, start.snapshot.state)
    state, arrays = archive.read(tmp_path / "checkpoint.zip")
    read = ResumePoint(Snapshot(state, dict(arrays)), is_own=False, results_uri=start.results_uri)
    assert not np.array_equal(stored(texts), current(texts))
    facts = FACTS.model_copy(update={"data": {"a": "1" * 64}})
    match_to_model(read, current, facts, VERSIONS).snapshot.restore(current, [])
    np.testing.assert_array_equal(stored(texts), current(texts))


def without_what_was_learned(start: ResumePoint) -> ResumePoint:
    described = {group: state for group, state in start.snapshot.state.variables.items() if group != "learned"}
    return ResumePoint(start.snapshot.changed(variables=described), is_own=start.is_own, results_uri=start.results_uri)


@pytest.mark.parametrize(("is_own", "reason"), [(True, "CheckpointMismatch"), (False, "InvalidTraining")])
def test_missing_learned_state_of_other_data_fails(*, is_own: bool, reason: str) -> None:
    stored, current = looking_up(LOOKUPS[0], [7, 7, 8]), looking_up(LOOKUPS[0], [7, 7, 8])
    match_to_model(without_what_was_learned(taken(stored, is_own=is_own)), current, FACTS, VERSIONS)
    facts = FACTS.model_copy(update={"data": {"a": "1" * 64}})
    with pytest.raises(Failure, match="lacks integer_lookup_0/vocabulary, which was learned from other data") as caught:
        match_to_model(without_what_was_learned(taken(stored, is_own=is_own)), current, facts, VERSIONS)
    assert caught.value.reason == reason


def test_a_vocabulary_that_is_too_large_fails() -> None:
    stored, current = (
        looking_up([{"layer": "IntegerLookup", "max_tokens": 4}], [7, 7, 8, 9]),
        looking_up([{"layer": "IntegerLookup", "max_tokens": 3}], [7, 8], name="integer_lookup_3"),
    )
    with pytest.raises(Failure, match="larger than the maximum vocab size") as caught:
        match_to_model(taken(stored), current, FACTS, VERSIONS)
    assert caught.value.reason == "InvalidTraining"
