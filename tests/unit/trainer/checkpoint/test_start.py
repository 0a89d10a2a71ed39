"""The checkpoint that a training starts from, and the errors without one."""

from collections.abc import Callable
from pathlib import Path

import pytest
from epochal_api.trainingjob.network import Named
from epochal_trainer.checkpoint import Snapshot, check_network_files
from epochal_trainer.checkpoint.state import BestState
from epochal_trainer.lib.failures import Failure
from epochal_trainer.reporting.best import Monitor, find_best_epoch

from tests.unit.trainer.checkpoint.starts import FACTS, RECIPE, URI, found, store, training

Make = Callable[..., Snapshot]


def test_no_start_without_a_checkpoint(tmp_path: Path) -> None:
    assert found(tmp_path, training()) is None


def test_its_own_checkpoint_comes_first(tmp_path: Path, make: Make) -> None:
    store(tmp_path, "lab/old/1").write(make(4))
    store(tmp_path, "lab/new/2").write(make(2, step=3, attempt=7))
    start = found(tmp_path, training(uri=URI))
    assert start is not None
    assert start.is_own
    assert str(start) == "epoch 3, step 3 of 5 (checkpoint of attempt 7)"


def test_another_file_of_the_network_is_another_training(tmp_path: Path, make: Make) -> None:
    files, changed = {"model.py": "1" * 64}, {"model.py": "2" * 64}
    other = make(2, facts=FACTS.model_copy(update={"network_files": files}))
    store(tmp_path, "lab/old/1").write(other)
    continued = found(tmp_path, training(uri=URI))
    assert continued is not None
    check_network_files(continued, changed)  # The variables decide whether it can continue.
    store(tmp_path, "lab/new/2").write(other)
    own = found(tmp_path, training())
    assert own is not None
    check_network_files(own, files)
    with pytest.raises(Failure, match=r"model.py has changed since .* found the SHA-256 222.* expected 111") as caught:
        check_network_files(own, changed)
    assert caught.value.reason == "CheckpointMismatch"


def test_it_continues_another_training(tmp_path: Path, make: Make) -> None:
    store(tmp_path, "lab/old/1").write(make(4, stop_training=True, finished_early=True))
    start = found(tmp_path, training(uri=URI))
    assert start is not None
    assert not start.is_own
    assert (start.snapshot.state.stop_training, start.snapshot.state.finished_early) == (False, False)
    assert str(start) == f"the end of epoch 4 (checkpoint in {tmp_path}/bucket/lab/old/1)"


@pytest.mark.parametrize(
    ("epochs", "continued", "message"),
    [
        (4, {"uri": URI}, r"spec.training.epochs: found 4, but 4 epochs were .*: write 8 to train 4 epochs more"),
        (1, {"uri": URI}, r"spec.training.epochs: found 1, but 4 epochs were .*: write 5 to train 1 epoch more"),
        (9, {"uri": URI, "from": "Best"}, r"continueFrom.from: found Best, .* summary.json .* Write from: Last"),
        (5, {"name": "old"}, r"continueFrom.name: found 'old', .* use uri"),
    ],
)
def test_what_cannot_be_continued(
    tmp_path: Path, make: Make, epochs: int, continued: dict[str, str], message: str
) -> None:
    store(tmp_path, "lab/old/1").write(make(4))
    with pytest.raises(Failure, match=message) as caught:
        found(tmp_path, training(epochs, **continued))
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidTraining", 64)


def test_results_without_a_checkpoint_fail(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"continueFrom: found no checkpoint in .*lab/none/1: ") as caught:
        found(tmp_path, training(uri="s3://results/lab/none/1/"))
    assert (caught.value.reason, caught.value.exit_code) == ("CheckpointMissing", 64)


@pytest.mark.parametrize("loss", ["mse", "mae"])
def test_epochs_of_another_training_are_never_the_best(tmp_path: Path, make: Make, loss: str) -> None:
    facts = FACTS.model_copy(update={"loss": Named(name=loss).dump()})
    store(tmp_path, "lab/old/1").write(make(4, facts=facts))
    start = found(tmp_path, training(uri=URI))
    assert start is not None
    assert find_best_epoch(start.snapshot.history, Monitor("loss")) is None
    store(tmp_path, "lab/new/2").write(start.snapshot)
    own = found(tmp_path, training(uri=URI))
    assert own is not None
    assert own.snapshot.history == start.snapshot.history
    assert [epoch.number for epoch in own.snapshot.history] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("facts", "same"),
    [({"training_digest": RECIPE}, True), ({"training_digest": "2" * 64}, False)],
    ids=["the same", "another"],
)
def test_only_the_same_training_keeps_the_best_epoch(
    tmp_path: Path, make: Make, facts: dict[str, str], *, same: bool
) -> None:
    best = BestState(epoch=4, in_checkpoint=True, variables=[])
    store(tmp_path, "lab/old/1").write(make(4, facts=FACTS.model_copy(update=facts), best=best))
    start = found(tmp_path, training(uri=URI))
    assert start is not None
    state = start.snapshot.state
    assert (start.is_same, state.best is not None) == (same, same)
    assert [epoch.eligible for epoch in state.history] == [same] * 4


@pytest.mark.parametrize("keeps_best", [True, False])
def test_a_training_without_best_weights_is_another_training(tmp_path: Path, make: Make, *, keeps_best: bool) -> None:
    store(tmp_path, "lab/old/1").write(make(4, facts=FACTS.model_copy(update={"training_digest": RECIPE})))
    start = found(tmp_path, training(uri=URI), keeps_best=keeps_best)
    assert start is not None
    assert start.is_same is not keeps_best
    assert [epoch.eligible for epoch in start.snapshot.state.history] == [not keeps_best] * 4
    assert start.comparable_epochs == {1, 2, 3, 4}
