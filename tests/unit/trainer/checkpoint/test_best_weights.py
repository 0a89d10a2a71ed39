"""The weights of the best epoch, in memory and in files."""

from pathlib import Path
from typing import Any

import keras
import ml_dtypes
import numpy as np
import pytest
from epochal_trainer.checkpoint import BestWeights, Costs, EpochWeights, Position, digest
from epochal_trainer.checkpoint.archive import UnreadableCheckpoint
from epochal_trainer.checkpoint.files import FileCopy
from epochal_trainer.checkpoint.state import BestState, VariableState
from epochal_trainer.checkpoint.variables import VariablesDiffer

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


def copied(best: BestWeights, epoch: int = 1) -> EpochWeights:
    best.take(epoch)
    assert best.kept is not None
    return best.kept


def change(of: keras.Model) -> None:
    of.set_weights([weight + 1 for weight in of.get_weights()])


def test_weights_are_copied_and_assigned() -> None:
    of = model()
    best, before = keeping(of), digest(of)
    kept = copied(best)
    assert kept.digest() == before
    change(of)
    assert digest(of) != before == kept.digest()
    kept.assign_to(of)
    assert digest(of) == before


def test_the_digest_depends_on_values_types_shapes_and_order() -> None:
    def of(*arrays: Any) -> str:
        described = [
            VariableState(path=str(index), shape=a.shape, dtype=a.dtype.name) for index, a in enumerate(arrays)
        ]
        return EpochWeights(1, described, {f"best/{index}": array for index, array in enumerate(arrays)}).digest()

    zeros, ones = np.zeros((2, 3), "float32"), np.ones((2, 3), "float32")
    digests = [
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
    assert len(set(digests)) == len(digests)
    assert of(np.asfortranarray(np.arange(6.0).reshape(2, 3))) == of(np.arange(6.0).reshape(2, 3))


def test_memory_is_reused_unless_a_checkpoint_needs_it(tmp_path: Path) -> None:
    of = model()
    best = keeping(of)
    first = copied(best)
    assert first.state(Position(epoch=1)).in_checkpoint
    second = copied(best, 2)
    assert second.arrays["best/0"] is first.arrays["best/0"]
    state = second.state(Position(epoch=3))
    assert not state.in_checkpoint
    third = copied(best, 4)
    assert third.arrays["best/0"] is not second.arrays["best/0"]
    written = second.file(tmp_path)
    change(of)
    assert EpochWeights.read(state, written).digest() == third.digest() != digest(of)
    assert third.state(Position(epoch=5)).epoch == 4
    third.file(tmp_path)
    assert copied(best, 6).arrays["best/0"] is third.arrays["best/0"]  # it is in a file by now
    assert second.file(tmp_path) is written


@pytest.mark.parametrize(
    ("position", "is_own"),
    [
        (Position(epoch=2), True),
        (Position(epoch=2, begun=True), False),
        (Position(epoch=2, step=3, begun=True), False),
        (Position(epoch=3), False),
    ],
)
def test_a_checkpoint_of_the_best_epoch_holds_its_weights(position: Position, *, is_own: bool) -> None:
    kept = copied(keeping(model()), 2)
    found = kept.state(position)
    assert (found.epoch, found.in_checkpoint) == (2, is_own)
    assert [variable.path.split("/", 1)[1] for variable in found.variables][:2] == ["one/kernel", "one/bias"]


def test_equal_weights_give_equal_files(tmp_path: Path) -> None:
    of = model()
    files = [copied(keeping(of)).file(tmp_path) for _ in range(2)]
    assert files[0].path != files[1].path
    assert files[0].sha256 == files[1].sha256


def test_bfloat16_weights_keep_their_bits(tmp_path: Path) -> None:
    layer = keras.layers.Dense(2, dtype="bfloat16")
    of = keras.Sequential([keras.Input((3,)), layer])
    kept = copied(keeping(of))
    found = EpochWeights.read(kept.state(Position()), kept.file(tmp_path))
    assert found.arrays["best/0"].dtype == ml_dtypes.bfloat16
    assert found.digest() == kept.digest() == digest(of)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": (9, 9)}, r"one/kernel has shape \(3, 2\) .* expected shape \(9, 9\)"),
        ({"dtype": "int64"}, "and type int64"),
        ({"dtype": "bfloat16"}, "has the unknown type bfloat16"),
    ],
)
def test_weights_that_differ_from_the_description_are_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    kept = copied(keeping(model()))
    state = kept.state(Position())
    first, *others = state.variables
    with pytest.raises(UnreadableCheckpoint, match=message):
        EpochWeights.read(
            state.model_copy(update={"variables": [first.model_copy(update=change), *others]}), kept.file(tmp_path)
        )


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    kept = copied(keeping(model()))
    (tmp_path / "damaged").write_bytes(kept.file(tmp_path).path.read_bytes()[:-9])
    with pytest.raises(UnreadableCheckpoint, match="damaged"):
        EpochWeights.read(kept.state(Position()), FileCopy(tmp_path / "damaged"))


def test_weights_are_matched_by_name() -> None:
    stored, current = model(), model()
    kept = copied(keeping(stored))
    (described, *others), arrays = kept.state(Position()).variables, list(kept.arrays.values())
    order = [*others, described]
    mixed = EpochWeights(1, order, {f"best/{index}": array for index, array in enumerate([*arrays[1:], arrays[0]])})
    change(current)
    mixed.match_to_model(current).assign_to(current)
    assert digest(current) == digest(stored)
    with pytest.raises(VariablesDiffer, match=r"one/kernel of shape \(3, 2\)"):
        kept.match_to_model(model(units=4))


@pytest.mark.parametrize("is_own", [True, False])
def test_resume_with_best_weights(*, is_own: bool) -> None:
    of = model()
    best, kept = keeping(of), copied(keeping(of), 3)
    change(of)
    best.resume(BestState(epoch=3, in_checkpoint=is_own, variables=[]), None if is_own else kept)
    assert best.kept is not None
    assert (best.kept.epoch, best.kept.digest() == digest(of)) == (3, is_own)
    best.resume(None, None)
    assert best.kept is None


@pytest.mark.parametrize("scaled", [False, True])
def test_averaged_weights_that_were_validated_are_copied(*, scaled: bool) -> None:
    of = model(use_ema=True)
    average = of.optimizer._model_variables_moving_average[0]
    if scaled:
        of.optimizer = keras.optimizers.LossScaleOptimizer(of.optimizer)
    swap = keras.callbacks.SwapEMAWeights()
    average.assign(np.full((3, 2), 5.0))
    kept = copied(keeping(of, swap))
    np.testing.assert_array_equal(kept.arrays["best/0"], np.full((3, 2), 5.0))
    assert not kept.state(Position(epoch=1)).in_checkpoint
    swap._ema_weights_in_model = True  # as after an epoch, where that is asked for
    kept = copied(keeping(of, swap))
    assert kept.digest() == digest(of)
    assert kept.state(Position(epoch=1)).in_checkpoint
