"""A copy of a training's state in memory: captured for a checkpoint, or read from a checkpoint to be restored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import keras

from epochal_trainer.checkpoint import archive, callback_state, learned_state, random_state, variables
from epochal_trainer.checkpoint.archive import UnreadableCheckpoint
from epochal_trainer.checkpoint.best_weights import EpochWeights
from epochal_trainer.checkpoint.files import FileCopy
from epochal_trainer.checkpoint.state import BestState, CallbackState, Position, ResumeFacts, State
from epochal_trainer.data.arrays import Array
from epochal_trainer.reporting.history import Epoch

_SEED_SHAPE = (2,)


@dataclass(frozen=True)
class Snapshot:
    """The whole state of a training at one moment, copied, so that the training can continue to change its own.

    Args:
        state: The content of `state.json`.
        arrays: The arrays of the checkpoint by name.
        files: Copies of the files that the training had written by then, by path.
        best_weights: The weights of the best epoch; None if there are none, or `arrays` has them (`in_checkpoint`).
        newly_lost_best_epoch: The number of the best epoch, if its weights turned out to be damaged or missing when
            this snapshot was read; else None.
    """

    state: State
    arrays: dict[str, Array]
    files: Mapping[str, FileCopy] = field(default_factory=dict)
    best_weights: EpochWeights | None = None
    newly_lost_best_epoch: int | None = None

    @classmethod
    def of(
        cls,
        model: keras.Model,
        callbacks: Sequence[Any],
        *,
        position: Position,
        history: Sequence[Epoch],
        seconds: float,
        facts: ResumeFacts,
        attempt: int,
        files: Mapping[str, FileCopy],
        versions: Mapping[str, str],
        best_weights: EpochWeights | None = None,
        spare: Mapping[str, Array] = MappingProxyType({}),
    ) -> "Snapshot":
        """Return a copy of a training's state in host memory. `spare` are unused arrays to copy into."""
        arrays: dict[str, Array] = {}
        groups = variables.groups(model)
        for group, members in groups.items():
            arrays.update(variables.values(members, group, spare))
        learned = learned_state.values(model)
        arrays.update(
            {variables.array_name(variables.LEARNED, index): value for index, value in enumerate(learned.values())}
        )
        states = [
            (type(callback).__name__, callback_state.state_of(callback, f"callbacks/{index}", arrays))
            for index, callback in enumerate(callbacks)
        ]
        state = State(
            attempt=attempt,
            time=datetime.now(UTC),
            position=position,
            seconds=seconds,
            stop_training=bool(model.stop_training),
            history=list(history),
            facts=facts,
            variables={group: variables.describe(members) for group, members in groups.items()}
            | {variables.LEARNED: learned_state.describe(learned)},
            callbacks=[CallbackState(callback=name, state=state) for name, state in states],
            random=random_state.state(arrays),
            versions=dict(versions),
            best=best_weights.state(position) if best_weights else None,
        )
        return cls(state, arrays, files, best_weights if state.best and not state.best.in_checkpoint else None)

    @property
    def size(self) -> int:
        """Size of `arrays` in bytes, without the best weights."""
        return sum(array.nbytes for array in self.arrays.values())

    @property
    def memory_bytes(self) -> int:
        """Size of `arrays` and of the best weights in bytes."""
        return self.size + (self.best_weights.size if self.best_weights else 0)

    @property
    def history(self) -> list[Epoch]:
        """The finished epochs."""
        return self.state.history

    def changed(self, **fields: Any) -> "Snapshot":
        """Return a copy of this snapshot in which the given fields of `state` are replaced."""
        return replace(self, state=self.state.model_copy(update=fields))

    def without_eligible_epochs(self) -> "Snapshot":
        """Return a copy of this snapshot without best weights, and with no epoch that may be the best (`eligible`).

        It is for a training in which the values of these epochs may not be comparable.
        """
        history = [replace(epoch, eligible=False) for epoch in self.history]
        return replace(self.changed(history=history, best=None), best_weights=None)

    def without_best_weights(self) -> "Snapshot":
        """Return a copy of this snapshot without the weights of the best epoch so far, which are lost.

        Only an epoch whose weights exist may then be the best: the last epoch, if the snapshot was taken at its end.
        All other epochs become ineligible, like epochs of another training.
        """
        state = self.state
        assert state.best is not None  # noqa: S101 - the caller found best weights in it
        ended_epoch = state.position.epoch if state.position == Position(epoch=state.position.epoch) else 0
        history = [replace(epoch, eligible=epoch.eligible and epoch.number == ended_epoch) for epoch in state.history]
        best = BestState(epoch=ended_epoch, in_checkpoint=True, variables=[]) if ended_epoch else None
        return replace(
            self.changed(history=history, best=best), best_weights=None, newly_lost_best_epoch=state.best.epoch
        )

    def check(self) -> None:
        """Check, as far as possible without a model, that arrays, history, callbacks and generators can be restored.

        Raises:
            UnreadableCheckpoint: If it cannot be restored. The message names the reason.
        """
        for group, members in self.state.variables.items():
            archive.check_arrays(
                self.arrays, {variables.array_name(group, index): state for index, state in enumerate(members)}
            )
        generators = self.state.variables.get(variables.RANDOM, [])
        if [generator.shape for generator in generators] not in ([], [_SEED_SHAPE]):
            raise UnreadableCheckpoint("the state of Keras' global seed generator has an invalid shape")
        numbers = [epoch.number for epoch in self.state.history]
        if len(numbers) != self.state.position.epoch or numbers != list(range(1, len(numbers) + 1)):
            raise UnreadableCheckpoint(
                f"the checkpoint's history does not have the epochs 1 to {self.state.position.epoch}"
            )
        try:
            for value in (value for callback in self.state.callbacks for value in callback.state.values()):
                callback_state.decode(value, self.arrays)
            with random_state.preserved():
                random_state.restore(self.state.random, self.arrays)
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise UnreadableCheckpoint(
                f"the checkpoint's state of a callback or of a random generator is damaged: {error}"
            ) from error

    def restore(self, model: keras.Model, callbacks: Sequence[Any]) -> None:
        """Set the variables of a model, the callbacks and the random generators to this snapshot. Release the arrays.

        The snapshot cannot be restored a second time.

        Args:
            model: The compiled model, with its metrics built, and variables in the order of the snapshot's.
            callbacks: The user's callbacks after `on_train_begin`, in the order of the snapshot's callbacks.
        """
        variables.prepare_random(self.state.variables.get(variables.RANDOM, []))
        current = variables.groups(model)
        for group, described in self.state.variables.items():
            if described and group in current:
                variables.assign(current[group], group, self.arrays)
        for layer in model.layers:
            if isinstance(layer, keras.layers.Normalization):
                layer.finalize_state()  # it computes mean and variance from its variables
        for callback, found in zip(callbacks, self.state.callbacks, strict=False):
            if type(callback).__name__ == found.callback:
                callback_state.restore(callback, found.state, self.arrays)
        random_state.restore(self.state.random, self.arrays)
        model.stop_training = self.state.stop_training
        self.arrays.clear()
