"""The weights of the best epoch: what is kept of them, where, and for how long."""

from pathlib import Path
from typing import Any

import keras
import ml_dtypes
import numpy as np
import pytest
from epochal_trainer.checkpoint import BestWeights, Costs, Kept, Position, digest
from epochal_trainer.checkpoint.archive import Unreadable
from epochal_trainer.checkpoint.files import Copy
from epochal_trainer.checkpoint.state import BestState, VariableState
from epochal_trainer.checkpoint.variables import Different

# Keras 3.15 under numpy 2.4: https://numpy.org/devdocs/numpy_2_0_migration_guide.html
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def model(units: int = 2, **optimizer: Any) -> keras.Model:
    built = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(units, name="one"), keras.layers.BatchNormalization(name="two")]
    )
    built.compile(optimizer=keras.optimizers.SGD(**optimizer), loss="mse")
    built.optimizer.build(built.trainable_variables)
    return built


def keeping(of: keras.Model, *callbacks: Any) -> BestWeights:
    return BestWeights(of, callbacks, Costs())


def taken(best: BestWeights, epoch: int = 1) -> Kept:
    best.take(epoch)
    assert best.kept is not None
    return best.kept


def change(of: keras.Model) -> None:
    of.set_weights([weight + 1 for weight in of.get_weights()])


def test_weights_are_kept_and_given_back() -> None:
    of = model()
    best, before = keeping(of), digest(of)
    kept = taken(best)
    assert kept.digest() == before
    change(of)
    assert digest(of) != before == kept.digest()
    kept.give_to(of)
    assert digest(of) == before


def test_a_digest_tells_values_types_shapes_and_order_apart() -> None:
    def of(*arrays: Any) -> str:
        described = [
            VariableState(path=str(index), shape=a.shape, dtype=a.dtype.name) for index, a in enumerate(arrays)
        ]
        return Kept(1, described, {f"best/{index}": array for index, array in enumerate(arrays)}).digest()

    zeros, ones = np.zeros((2, 3), "float32"), np.ones((2, 3), "float32")
    every = [
        of(zeros),
        of(ones),
        of(zeros.reshape(3, 2)),
        of(zeros.astype("int32")),
        of(zeros, ones),
        of(ones, zeros),
        of(zeros.astype(ml_dtypes.bfloat16)),
        of(np.zeros((), "float32")),
        of(),
    ]
    assert len(set(every)) == len(every)
    assert of(np.asfortranarray(np.arange(6.0).reshape(2, 3))) == of(np.arange(6.0).reshape(2, 3))


def test_memory_is_used_again_unless_a_checkpoint_waits_for_it(tmp_path: Path) -> None:
    of = model()
    best = keeping(of)
    first = taken(best)
    assert first.state(Position(epoch=1)).own
    second = taken(best, 2)
    assert second.arrays["best/0"] is first.arrays["best/0"]
    state = second.state(Position(epoch=3))
    assert not state.own
    third = taken(best, 4)
    assert third.arrays["best/0"] is not second.arrays["best/0"]
    written = second.file(tmp_path)
    change(of)
    assert Kept.read(state, written).digest() == third.digest() != digest(of)
    assert third.state(Position(epoch=5)).epoch == 4
    third.file(tmp_path)
    assert taken(best, 6).arrays["best/0"] is third.arrays["best/0"]  # it is in a file by now
    assert second.file(tmp_path) is written


@pytest.mark.parametrize(
    ("position", "own"),
    [
        (Position(epoch=2), True),
        (Position(epoch=2, begun=True), False),
        (Position(epoch=2, step=3, begun=True), False),
        (Position(epoch=3), False),
    ],
)
def test_a_checkpoint_of_the_best_epoch_has_its_weights_already(position: Position, *, own: bool) -> None:
    kept = taken(keeping(model()), 2)
    found = kept.state(position)
    assert (found.epoch, found.own) == (2, own)
    assert [each.path.split("/", 1)[1] for each in found.variables][:2] == ["one/kernel", "one/bias"]


def test_the_same_weights_are_the_same_file(tmp_path: Path) -> None:
    of = model()
    files = [taken(keeping(of)).file(tmp_path) for _ in range(2)]
    assert files[0].path != files[1].path
    assert files[0].sha256 == files[1].sha256


def test_small_types_keep_their_bits(tmp_path: Path) -> None:
    layer = keras.layers.Dense(2, dtype="bfloat16")
    of = keras.Sequential([keras.Input((3,)), layer])
    kept = taken(keeping(of))
    found = Kept.read(kept.state(Position()), kept.file(tmp_path))
    assert found.arrays["best/0"].dtype == ml_dtypes.bfloat16
    assert found.digest() == kept.digest() == digest(of)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": (9, 9)}, r"one/kernel has shape \(3, 2\) .* should have shape \(9, 9\)"),
        ({"dtype": "int64"}, "and type int64"),
        ({"dtype": "bfloat16"}, "array of type bfloat16, which is not known here"),
    ],
)
def test_what_is_not_what_the_checkpoint_says_is_not_used(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    kept = taken(keeping(model()))
    state = kept.state(Position())
    first, *others = state.variables
    with pytest.raises(Unreadable, match=message):
        Kept.read(
            state.model_copy(update={"variables": [first.model_copy(update=change), *others]}), kept.file(tmp_path)
        )


def test_damage_is_told(tmp_path: Path) -> None:
    kept = taken(keeping(model()))
    (tmp_path / "damaged").write_bytes(kept.file(tmp_path).path.read_bytes()[:-9])
    with pytest.raises(Unreadable, match="damaged"):
        Kept.read(kept.state(Position()), Copy(tmp_path / "damaged"))


def test_they_are_found_by_name_whatever_the_order() -> None:
    there, here = model(), model()
    kept = taken(keeping(there))
    (described, *others), arrays = kept.state(Position()).variables, list(kept.arrays.values())
    order = [*others, described]
    mixed = Kept(1, order, {f"best/{index}": array for index, array in enumerate([*arrays[1:], arrays[0]])})
    change(here)
    mixed.fitted(here).give_to(here)
    assert digest(here) == digest(there)
    with pytest.raises(Different, match=r"one/kernel of shape \(3, 2\)"):
        kept.fitted(model(units=4))


@pytest.mark.parametrize("own", [True, False])
def test_a_checkpoint_is_taken_over(*, own: bool) -> None:
    of = model()
    best, kept = keeping(of), taken(keeping(of), 3)
    change(of)
    best.resume(BestState(epoch=3, own=own, variables=[]), None if own else kept)
    assert best.kept is not None
    assert (best.kept.epoch, best.kept.digest() == digest(of)) == (3, own)


def test_a_checkpoint_without_best_weights_has_none() -> None:
    best = keeping(model())
    best.resume(None, None)
    assert best.kept is None


@pytest.mark.parametrize("scaled", [False, True])
def test_averages_that_were_validated_are_kept_where_they_are(*, scaled: bool) -> None:
    of = model(use_ema=True)
    average = of.optimizer._model_variables_moving_average[0]
    if scaled:
        of.optimizer = keras.optimizers.LossScaleOptimizer(of.optimizer)
    swap = keras.callbacks.SwapEMAWeights()
    average.assign(np.full((3, 2), 5.0))
    kept = taken(keeping(of, swap))
    np.testing.assert_array_equal(kept.arrays["best/0"], np.full((3, 2), 5.0))
    assert not kept.state(Position(epoch=1)).own
    swap._ema_weights_in_model = True  # as after an epoch, where that is asked for
    kept = taken(keeping(of, swap))
    assert kept.digest() == digest(of)
    assert kept.state(Position(epoch=1)).own
