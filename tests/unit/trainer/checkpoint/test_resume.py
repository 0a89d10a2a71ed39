"""How what a training goes on from fits what it is now, and what is said when it does not."""

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
    Facts,
    Position,
    Snapshot,
    Start,
    Store,
    check_fit,
    continued_facts,
    find,
    fitted,
)
from epochal_trainer.checkpoint.best_model import BestModel
from epochal_trainer.checkpoint.files import Copy
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
    built.compile(optimizer=optimizer, loss="mse", metrics=list(metrics))
    built.optimizer.build(built.trainable_variables)
    built.compute_loss(x=None, y=np.zeros((1, 1)), y_pred=np.zeros((1, 1)))
    built.compute_metrics(x=None, y=np.zeros((1, 1)), y_pred=np.zeros((1, 1)))
    return built


def taken(of: keras.Model, *callbacks: Any, own: bool = False, facts: Facts = FACTS, **position: Any) -> Start:
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
    return Start(snapshot, own=own, where="s3://results/lab/old/1/checkpoints/")


def weights(of: keras.Model) -> list[Any]:
    return [np.array(weight) for weight in of.weights]


def test_what_fits_is_given_back() -> None:
    there, here = model(), model()
    start = taken(there, own=True, step=3, begun=True)
    fit = fitted(start, here, FACTS, VERSIONS)
    assert fit.snapshot.state.position == Position(epoch=1, step=3, begun=True)
    fit.snapshot.restore(here, [])
    assert start.snapshot.size == 0  # Nobody holds what it took in memory any more.
    for one, other in zip(weights(there), weights(here), strict=True):
        np.testing.assert_array_equal(one, other)


SHAPES = r"there .*hidden/kernel of shape \(3, 2\) and type float32, here .*hidden/kernel of shape \(3, 4\)"


def test_another_network_cannot_be_continued() -> None:
    with pytest.raises(Failure, match=f"continueFrom: the network must be the one of s3://.*: {SHAPES}") as caught:
        fitted(taken(model()), model(units=4), FACTS, VERSIONS)
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidTraining", 64)


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ({"units": 4}, SHAPES),
        ({"optimizer": "SGD"}, "there nothing, here sgd.*/iteration"),
        ({"optimizer": keras.optimizers.Adam(amsgrad=True)}, "there nothing, here adam.*/.*velocity_hat"),
    ],
)
def test_its_own_checkpoint_must_fit(other: dict[str, Any], found: str) -> None:
    with pytest.raises(Failure, match=f"the checkpoint of attempt 3 in s3://.*: .*{found}") as caught:
        fitted(taken(model(), own=True), model(**other), FACTS, VERSIONS)
    assert (caught.value.reason, caught.value.exit_code) == ("CheckpointMismatch", 64)
    assert "Has the image changed, or the spec? It is kept" in caught.value.message


class Named(FolderBucket):
    """A folder under the name of a bucket."""

    def uri(self, key: str) -> str:
        return f"s3://results/{key}"


@pytest.mark.parametrize("harm", ["another network", "damage"])
def test_what_the_message_says_to_go_on_from_can_be(tmp_path: Path, harm: str) -> None:
    (tmp_path / "bucket").mkdir()

    def opened(folder: str) -> Store:
        return Store(Named(tmp_path / "bucket"), folder, tmp_path / "scratch")

    def go_on() -> None:
        found = opened("lab/old/1").newest()
        assert found is not None
        check_fit(Start(found, own=True, where=opened("lab/old/1").uri), model(units=4), {"name": "Adam"}, VERSIONS)

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


def test_what_does_not_fit_says_which_versions_have_changed() -> None:
    now = {**VERSIONS, "keras": "3.16.0", "epochal": "0.2.0"}
    changed = "other versions: epochal 0.1.0 there and 0.2.0 here, keras 3.15.0 there and 3.16.0 here."
    for own in (True, False):
        with pytest.raises(Failure, match=changed):
            fitted(taken(model(), own=own), model(units=4), FACTS, now)


def test_other_versions_that_fit_are_noticed(caplog: pytest.LogCaptureFixture) -> None:
    here = model()
    fitted(taken(model(), own=True), here, FACTS, {**VERSIONS, "numpy": "3.0"})
    assert caplog.text == ""
    fitted(taken(model(), own=True), here, FACTS, {**VERSIONS, "keras": "3.16.0"})
    assert "with other versions, so the result may not be the same: keras 3.15.0 there and 3.16.0 here" in caplog.text


def test_variables_are_told_apart_by_their_paths() -> None:
    """Keras may come to list them in another order."""
    there, here = trained("Adam"), model()
    start = taken(there, own=True)
    described = start.snapshot.state.variables["optimizer"]
    order = list(reversed(range(len(described))))
    arrays = {f"optimizer/{to}": start.snapshot.arrays[f"optimizer/{index}"] for to, index in enumerate(order)}
    start.snapshot.arrays.update(arrays)
    moved = {**start.snapshot.state.variables, "optimizer": [described[index] for index in order]}
    fit = fitted(Start(start.snapshot.changed(variables=moved), own=True, where=""), here, FACTS, VERSIONS)
    fit.snapshot.restore(here, [])
    for mine, its in zip(here.optimizer.variables, there.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.array(mine), np.array(its), err_msg=mine.path)


def with_optimizer(**arguments: Any) -> Facts:
    return FACTS.model_copy(update={"optimizer": arguments})


def trained(optimizer: Any) -> keras.Model:
    made = model(optimizer=optimizer)
    made.train_on_batch(np.ones((2, 3)), np.ones((2, 1)))
    return made


def frozen(*layers: str) -> keras.Model:
    given = keras.Input((3,))
    hidden = keras.layers.Dense(2, name="hidden", trainable="hidden" not in layers)(given)
    built = keras.Model(given, keras.layers.Dense(1, name="out", trainable="out" not in layers)(hidden))
    built.compile(optimizer="RMSprop", loss="mse")
    built.optimizer.build(built.trainable_variables)
    return built


def test_other_frozen_layers_are_said_and_the_rest_goes_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    there, here = frozen("hidden"), frozen("out")
    there.train_on_batch(np.ones((2, 3)), np.ones((2, 1)))
    start = taken(there)
    check_fit(start, here, FACTS.optimizer, VERSIONS)
    assert caplog.text == ""
    fitted(start, here, FACTS, VERSIONS).snapshot.restore(here, [])
    assert here.optimizer.iterations == 1
    assert "Trainable now, and not there: the optimizer starts anew for hidden." in caplog.text
    assert "Trainable there, and not now: what the optimizer kept for out is left out." in caplog.text
    for one, other in zip(weights(there), weights(here), strict=True):
        np.testing.assert_array_equal(one, other)


def test_its_own_checkpoint_has_the_layers_frozen_that_it_had() -> None:
    with pytest.raises(Failure, match="does not fit what is trained here") as caught:
        fitted(taken(frozen("hidden"), own=True), frozen("out"), FACTS, VERSIONS)
    assert caught.value.reason == "CheckpointMismatch"


def test_an_optimizer_that_cannot_go_over_is_no_other_network() -> None:
    with pytest.raises(Failure, match=r"the optimizer keeps cannot go over from s3://.*velocity_hat") as caught:
        fitted(taken(model()), model(optimizer=keras.optimizers.Adam(amsgrad=True)), FACTS, VERSIONS)
    assert caught.value.reason == "InvalidTraining"
    assert "With other arguments in spec.training.optimizer, the optimizer starts anew" in caught.value.message


def test_the_best_weights_are_gone_on_from_with_nothing_else(tmp_path: Path) -> None:
    """The best epoch is the second, and the checkpoint is of the fourth."""
    best, last, here = trained("Adam"), trained("Adam"), model()
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
    check_fit(start, here, FACTS.optimizer, VERSIONS)
    callback = early(wait=0, best=None)
    fit = fitted(start, here, with_callbacks(EARLY), VERSIONS)
    assert fit.snapshot.state.position == Position(epoch=2)
    assert [epoch.number for epoch in fit.snapshot.history] == [1, 2]
    fit.snapshot.restore(here, [callback])
    for one, other in zip(weights(best), weights(here), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (here.optimizer.iterations, callback.wait, callback.best) == (0, 0, None)

    with pytest.raises(Failure, match=r"found 2, and 2 were trained .*: write 4 to train 2 epochs more"):
        found(tmp_path, training(epochs=2, **{"uri": URI, "from": "Best"}))
    last_one = found(tmp_path, training(epochs=5, uri=URI))
    assert last_one is not None
    assert last_one.snapshot.state.position == Position(epoch=4)


def test_best_weights_of_another_network_are_told(tmp_path: Path) -> None:
    path = tmp_path / "best.keras"
    model(units=4).save(path)
    start = replace(taken(model()), best=BestModel(1, "s3://results/best.keras", Copy(path)))
    with pytest.raises(Failure, match=r"continueFrom.from: s3://results/best.keras holds no weights of this network"):
        fitted(start, model(), FACTS, VERSIONS)


def test_another_optimizer_starts_anew() -> None:
    here = model(optimizer="SGD")
    fit = fitted(taken(trained("Adam")), here, with_optimizer(name="SGD"), VERSIONS)
    fit.snapshot.restore(here, [])
    assert here.optimizer.iterations == 0


def test_an_optimizer_that_is_described_otherwise_starts_anew() -> None:
    here = model(optimizer=keras.optimizers.Adam(beta_1=0.5))
    fit = fitted(taken(trained("Adam")), here, with_optimizer(name="Adam", beta_1=0.5), VERSIONS)
    fit.snapshot.restore(here, [])
    assert here.optimizer.iterations == 0


DECAY = {"name": "CosineDecay", "initial_learning_rate": 0.1, "decay_steps": 100}


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("rates", [(0.001, 0.5), (DECAY, 0.5), (0.001, DECAY)], ids=str)
def test_another_learning_rate_keeps_the_moments(rates: tuple[Any, Any], *, scaled: bool) -> None:
    def optimizer(rate: Any) -> tuple[Any, Facts]:
        schedule = keras.optimizers.schedules.CosineDecay(0.1, 100) if isinstance(rate, dict) else rate
        made, described = keras.optimizers.Adam(schedule), {"name": "Adam", "learning_rate": rate}
        if scaled:
            made = keras.optimizers.LossScaleOptimizer(made)
            described = {"name": "LossScaleOptimizer", "inner_optimizer": described}
        return made, with_optimizer(**described)

    def moments(of: keras.Model) -> list[Any]:
        return [np.array(slot) for slot in of.optimizer.variables if slot.path.endswith(("_momentum", "_velocity"))]

    (one, facts), (other, now) = optimizer(rates[0]), optimizer(rates[1])
    there, here = trained(one), model(optimizer=other)
    rate = float(here.optimizer.learning_rate)
    fitted(taken(there, facts=facts), here, now, VERSIONS).snapshot.restore(here, [])
    assert here.optimizer.iterations == there.optimizer.iterations == 1
    assert len(moments(here)) == 8
    for mine, its in zip(moments(here), moments(there), strict=True):
        np.testing.assert_array_equal(mine, its)
    assert float(here.optimizer.learning_rate) == pytest.approx(rate, rel=1e-3)


def test_the_same_learning_rate_stays_as_far_reduced_as_it_was() -> None:
    there, here = model(), model()
    there.optimizer.learning_rate = 1e-5
    fitted(taken(there), here, FACTS, VERSIONS).snapshot.restore(here, [])
    assert float(here.optimizer.learning_rate) == float(np.float32(1e-5))


@pytest.mark.parametrize(
    "change",
    [
        {"samples": 12},
        {"batch_size": 5},
        {"seed": 8},
        {"division": {"shuffle": True, "stratify": False, "seed": 7}},
        {"loss": {"name": "mae"}},
        {},
    ],
    ids=str,
)
def test_an_epoch_with_other_batches_begins_anew(change: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    other = model(metrics=("mae",)) if not change else model()
    fit = fitted(taken(model(), step=3, begun=True), other, FACTS.model_copy(update=change), VERSIONS)
    assert fit.snapshot.state.position == Position(epoch=1)
    assert "metrics" not in fit.snapshot.state.variables
    assert "from the middle of epoch 2: that epoch begins anew" in caplog.text


OTHER_DATA = FACTS.model_copy(update={"data": {"a": "1" * 64}})


def test_other_data_are_noticed(caplog: pytest.LogCaptureFixture) -> None:
    fitted(taken(model(), own=True), model(), OTHER_DATA, VERSIONS)
    assert "The data have changed since the checkpoint was written (a): the result will not be the same" in caplog.text


@pytest.mark.parametrize("own", [True, False])
def test_no_epoch_mixes_two_data_sets(caplog: pytest.LogCaptureFixture, *, own: bool) -> None:
    fit = fitted(taken(model(), own=own, step=3, begun=True), model(), OTHER_DATA, VERSIONS)
    assert (fit.snapshot.state.position, fit.snapshot.state.seconds) == (Position(epoch=1), 0.0)
    assert "metrics" not in fit.snapshot.state.variables
    assert "from the middle of epoch 2: that epoch begins anew" in caplog.text


@pytest.mark.parametrize(
    ("there", "start", "here", "found"),
    [
        ({}, {"own": True}, FACTS, None),
        ({}, {"own": True}, OTHER_DATA, 1),
        ({}, {"own": False, "same": True}, OTHER_DATA, 1),
        ({}, {"own": False}, OTHER_DATA, None),
        ({"data_changed": 0}, {"own": True}, FACTS, 0),
        ({"data_changed": 0}, {"own": False, "same": True}, FACTS, 0),
        ({"data_changed": 0}, {"own": False}, FACTS, None),
        ({"data_changed": 0}, {"own": True}, OTHER_DATA, 1),
    ],
)
def test_whether_the_data_of_a_training_have_changed(
    there: dict[str, Any], start: dict[str, Any], here: Facts, found: int | None
) -> None:
    """Data of another training that this one continues are its own matter."""
    of = replace(taken(model(), facts=FACTS.model_copy(update=there)), **start)
    assert continued_facts(of, here, Monitor("loss")).data_changed == found


DRAWN = {"shuffle": True, "stratify": False, "seed": 7}


@pytest.mark.parametrize(
    ("there", "here", "told"),
    [
        ({"division": None}, {"division": {}}, False),
        ({"division": None}, {"division": None, "samples": 12}, False),
        ({"division": DRAWN}, {"division": DRAWN, "seed": 9}, False),
        ({"division": {}}, {"division": {}, "samples": 8}, True),
        ({"division": {}}, {"division": DRAWN}, True),
        ({"division": DRAWN}, {"division": {**DRAWN, "seed": 8}}, True),
        ({"division": {}}, {"division": DRAWN, "data": {"a": "1" * 64}}, False),
        ({"division": {}, "seen": True}, {"division": {}}, True),
        ({"division": {}, "seen": True}, {"division": None}, False),
        ({"division": {}, "seen": True}, {"division": {}, "data": {"a": "1" * 64}}, False),
    ],
)
def test_whether_it_may_validate_on_what_was_trained_on(
    there: dict[str, Any], here: dict[str, Any], *, told: bool
) -> None:
    start = taken(model(), facts=FACTS.model_copy(update=there))
    assert continued_facts(start, FACTS.model_copy(update=here), Monitor("loss")).seen == told


EARLY = {"callback": "EarlyStopping", "patience": 3}
PLATEAU = {"callback": "ReduceLROnPlateau", "monitor": "loss"}


def with_callbacks(*described: dict[str, Any], loss: str = "mse") -> Facts:
    return FACTS.model_copy(update={"callbacks": list(described), "loss": {"name": loss}})


def early(**state: Any) -> keras.callbacks.EarlyStopping:
    made = keras.callbacks.EarlyStopping(patience=3)
    made.on_train_begin()
    vars(made).update({"wait": 2, "best": 0.5, **state})
    return made


def carried(there: Facts, here: Facts, state: Any, *, own: bool = False) -> keras.callbacks.EarlyStopping:
    """Returns a callback EarlyStopping, the second of two, that goes on from the state of the first of two."""
    of, first, second = model(), keras.callbacks.ReduceLROnPlateau(monitor="loss"), early(wait=0, best=None)
    start = taken(model(), *((first, state) if own else (state, first)), facts=there, own=own)
    fitted(start, of, here, VERSIONS).snapshot.restore(of, [keras.callbacks.ReduceLROnPlateau(monitor="loss"), second])
    return second


def test_a_callback_goes_on_from_the_one_with_the_same_arguments() -> None:
    found = carried(with_callbacks(EARLY, PLATEAU), with_callbacks(PLATEAU, EARLY), early())
    assert (found.wait, found.best) == (2, 0.5)


@pytest.mark.parametrize(
    ("there", "here"),
    [
        (with_callbacks({**EARLY, "monitor": "loss"}, PLATEAU), with_callbacks(PLATEAU, EARLY)),
        (with_callbacks({**EARLY, "patience": 2}, PLATEAU), with_callbacks(PLATEAU, EARLY)),
        (with_callbacks(EARLY, PLATEAU, loss="mae"), with_callbacks(PLATEAU, EARLY)),
        (with_callbacks(), with_callbacks(PLATEAU, EARLY)),
    ],
    ids=["monitor", "patience", "loss", "none"],
)
def test_a_callback_with_other_arguments_starts_anew(
    there: Facts, here: Facts, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    found = carried(there, here, early())
    assert (found.wait, found.best) == (0, None)
    assert "start anew, since there is none like them in the checkpoint: " in caplog.text


def test_each_goes_on_from_one_of_its_own() -> None:
    here, both = model(), (early(wait=0), early(wait=0))
    start = taken(model(), early(wait=1), early(wait=2), facts=with_callbacks(EARLY, EARLY))
    fitted(start, here, with_callbacks(EARLY, EARLY), VERSIONS).snapshot.restore(here, both)
    assert [callback.wait for callback in both] == [1, 2]


def test_patience_that_has_run_out_comes_back_to_train_further() -> None:
    found = carried(with_callbacks(EARLY), with_callbacks(PLATEAU, EARLY), early(wait=3, stopped_epoch=9))
    assert (found.wait, found.stopped_epoch, found.best) == (0, 0, 0.5)


def test_its_own_callbacks_go_on_as_they_were() -> None:
    facts = with_callbacks(PLATEAU, EARLY)
    found = carried(facts, facts, early(wait=3, stopped_epoch=9), own=True)
    assert (found.wait, found.stopped_epoch, found.best) == (3, 9, 0.5)


@pytest.mark.parametrize("own", [True, False])
def test_the_best_weights_are_those_of_the_same_layers_in_any_order(*, own: bool) -> None:
    """Layers that are listed in another order are the same network."""

    def merged(order: list[str]) -> keras.Model:
        given = keras.Input((3,))
        parts = {name: keras.layers.Dense(2, name=name)(keras.layers.Dropout(0.5)(given)) for name in ("one", "other")}
        built = keras.Model(given, keras.layers.Add()([parts[name] for name in order]))
        built.compile(optimizer="SGD", loss="mse")
        return built

    there, here = merged(["one", "other"]), merged(["other", "one"])
    assert [weight.path for weight in there.weights] != [weight.path for weight in here.weights]
    facts = with_callbacks(EARLY)
    state = early(best_weights=there.get_weights())
    found = early()
    fitted(taken(there, state, facts=facts, own=own), here, facts, VERSIONS).snapshot.restore(here, [found])
    here.set_weights(found.best_weights)
    for name in ("one", "other"):
        for mine, its in zip(here.get_layer(name).weights, there.get_layer(name).weights, strict=True):
            np.testing.assert_array_equal(mine, its)


def test_callbacks_of_another_class_start_anew(make: Make) -> None:
    found, plateau = keras.callbacks.EarlyStopping(), keras.callbacks.ReduceLROnPlateau()
    make().changed(variables={}).restore(model(), [plateau, found])
    assert (plateau.wait, found.wait) == (0, 0)
    snapshot = make().changed(variables={})
    snapshot.restore(model(), [found])
    assert snapshot.arrays == {}
    assert (found.wait, found.best) == (2, 0.5)


def test_a_normalization_computes_with_what_it_learned_then() -> None:
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


def looking_up(layers: list[dict[str, Any]], values: list[int], name: str | None = None) -> keras.Model:
    """Returns a network that has learned from values what to look up."""
    described = [{**layers[0], "name": name} if name else layers[0], *layers[1:], {"layer": "Dense", "units": 1}]
    spec = Network.model_validate({"input": {"shape": [1], "dtype": "int64"}, "layers": described})
    built = network.build(spec, seed=1, memory=1 << 30)
    built.compile(optimizer="SGD", loss="mse")
    features = np.array(values)[:, None]
    adapt(built, graph.nodes_of(spec), Samples(features, np.zeros(len(features)), "features", "labels"))
    return built


@pytest.mark.parametrize("layers", LOOKUPS, ids=lambda layers: " ".join(map(str, layers[0].values())))
@pytest.mark.parametrize("own", [True, False])
def test_what_layers_learned_is_what_the_weights_were_trained_for(layers: Any, *, own: bool) -> None:
    there, here = looking_up(layers, [7, 7, 7, 8, 8, 9]), looking_up(layers, [1, 7, 8, 8, 9, 9, 9])
    start = taken(there, own=own)
    assert not np.array_equal(there(TOKENS), here(TOKENS))
    facts = FACTS.model_copy(update={"data": {"a": "1" * 64}})
    fitted(start, here, facts, VERSIONS).snapshot.restore(here, [])
    np.testing.assert_array_equal(there(TOKENS), here(TOKENS))


def without_what_was_learned(start: Start) -> Start:
    described = {group: state for group, state in start.snapshot.state.variables.items() if group != "learned"}
    return Start(start.snapshot.changed(variables=described), own=start.own, where=start.where)


@pytest.mark.parametrize(("own", "reason"), [(True, "CheckpointMismatch"), (False, "InvalidTraining")])
def test_what_layers_learned_from_other_data_is_needed(*, own: bool, reason: str) -> None:
    there, here = looking_up(LOOKUPS[0], [7, 7, 8]), looking_up(LOOKUPS[0], [7, 7, 8])
    fitted(without_what_was_learned(taken(there, own=own)), here, FACTS, VERSIONS)
    facts = FACTS.model_copy(update={"data": {"a": "1" * 64}})
    with pytest.raises(
        Failure, match="there nothing, here integer_lookup_0/vocabulary, learned from other data"
    ) as why:
        fitted(without_what_was_learned(taken(there, own=own)), here, facts, VERSIONS)
    assert why.value.reason == reason


def test_a_vocabulary_that_is_too_large_here_is_told() -> None:
    there, here = (
        looking_up([{"layer": "IntegerLookup", "max_tokens": 4}], [7, 7, 8, 9]),
        looking_up([{"layer": "IntegerLookup", "max_tokens": 3}], [7, 8], name="integer_lookup_3"),
    )
    with pytest.raises(Failure, match="larger than the maximum vocab size") as caught:
        fitted(taken(there), here, FACTS, VERSIONS)
    assert caught.value.reason == "InvalidTraining"
