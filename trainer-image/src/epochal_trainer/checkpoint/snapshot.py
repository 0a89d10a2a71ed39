"""The state of a training in memory: taken from it, and given back to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import keras

from epochal_trainer.checkpoint import archive, learned, randomness, values, variables
from epochal_trainer.checkpoint.archive import Unreadable
from epochal_trainer.checkpoint.best import Kept
from epochal_trainer.checkpoint.files import Copy
from epochal_trainer.checkpoint.state import BestState, CallbackState, Facts, FinishedEpoch, Position, State
from epochal_trainer.data.samples import Array
from epochal_trainer.reporting.history import Epoch

_SEED_SHAPE = (2,)


@dataclass(frozen=True)
class Snapshot:
    """The whole state of a training at one moment. It shares nothing with the training.

    Args:
        state: All of it but the arrays and files.
        arrays: The arrays by name.
        files: Copies of the files that the training had written by then, by path.
        best: The weights of the best epoch, where `state.best` says that they are not among the arrays.
        lost: The epoch that was the best one, if its weights are lost.
    """

    state: State
    arrays: dict[str, Array]
    files: Mapping[str, Copy] = field(default_factory=dict)
    best: Kept | None = None
    lost: int | None = None

    @classmethod
    def of(
        cls,
        model: keras.Model,
        callbacks: Sequence[Any],
        *,
        position: Position,
        history: Sequence[Epoch],
        seconds: float,
        facts: Facts,
        attempt: int,
        files: Mapping[str, Copy],
        versions: Mapping[str, str],
        best: Kept | None = None,
        spare: Mapping[str, Array] = MappingProxyType({}),
    ) -> "Snapshot":
        """Takes the state of a training.

        Args:
            model: The model, compiled.
            callbacks: The user's callbacks.
            position: Where the training is.
            history: The finished epochs.
            seconds: How long the running epoch has taken so far.
            facts: What the order of samples follows from, and what else is compared.
            attempt: The attempt.
            files: Copies of the files that were written.
            versions: Versions of what the result depends on.
            best: The weights of the best epoch so far.
            spare: Arrays of a checkpoint that is needed no more, to copy into.

        Returns:
            Its state: copies in the host's memory.
        """
        arrays: dict[str, Array] = {}
        groups = variables.groups(model)
        for group, members in groups.items():
            arrays.update(variables.values(members, group, spare))
        by_adapt = learned.values(model)
        arrays.update(
            {variables.name(variables.LEARNED, index): value for index, value in enumerate(by_adapt.values())}
        )
        states = [
            CallbackState(
                callback=type(callback).__name__, state=values.state_of(callback, f"callbacks/{index}", arrays)
            )
            for index, callback in enumerate(callbacks)
        ]
        state = State(
            attempt=attempt,
            time=datetime.now(UTC),
            position=position,
            seconds=seconds,
            stop_training=bool(model.stop_training),
            history=[FinishedEpoch.of(epoch) for epoch in history],
            facts=facts,
            variables={
                **{group: variables.describe(members) for group, members in groups.items()},
                variables.LEARNED: learned.describe(by_adapt),
            },
            callbacks=states,
            random=randomness.state(arrays),
            versions=dict(versions),
            best=best.state(position) if best else None,
        )
        return cls(state, arrays, files, best if state.best and not state.best.own else None)

    @property
    def size(self) -> int:
        """Bytes that its arrays take."""
        return sum(array.nbytes for array in self.arrays.values())

    @property
    def held(self) -> int:
        """Bytes that it takes in memory."""
        return self.size + (self.best.size if self.best else 0)

    @property
    def history(self) -> list[Epoch]:
        """The finished epochs."""
        return [epoch.epoch() for epoch in self.state.history]

    def changed(self, **fields: Any) -> "Snapshot":
        """Returns this snapshot with other fields in its state."""
        return replace(self, state=self.state.model_copy(update=fields))

    def renamed(self, former: Mapping[str, str]) -> "Snapshot":
        """Returns this snapshot with the names that figures have now.

        Args:
            former: These by the names that they had before.
        """
        state = self.state
        history = [epoch.model_copy(update={"metrics": _renamed(epoch.metrics, former)}) for epoch in state.history]
        before = state.facts.before
        if before is not None:
            before = before.model_copy(update={"metric": former.get(before.metric, before.metric)})
        return self.changed(history=history, facts=state.facts.model_copy(update={"before": before}))

    def incomparable(self) -> "Snapshot":
        """Returns this snapshot where no epoch may be the best: with another monitor or loss, they say nothing."""
        history = [epoch.model_copy(update={"comparable": False}) for epoch in self.state.history]
        return replace(self.changed(history=history, best=None), best=None)

    def without_best(self) -> "Snapshot":
        """Returns this snapshot where the weights of the best epoch so far are lost.

        Only an epoch whose weights are there may be called the best: of those so far that is the last one, if the
        snapshot was taken at its end and so holds them. All others are out, as those of another training are.
        """
        state = self.state
        assert state.best is not None  # noqa: S101 - there was something to lose
        held = state.position.epoch if state.position == Position(epoch=state.position.epoch) else 0
        history = [
            epoch.model_copy(update={"comparable": epoch.comparable and epoch.number == held})
            for epoch in state.history
        ]
        best = BestState(epoch=held, own=True, variables=[]) if held else None
        return replace(self.changed(history=history, best=best), best=None, lost=state.best.epoch)

    def check(self) -> None:
        """Makes sure that all of it can be given back, as far as that can be known without a model.

        Raises:
            Unreadable: If not, saying why.
        """
        for group, members in self.state.variables.items():
            archive.check(self.arrays, {variables.name(group, index): each for index, each in enumerate(members)})
        generators = self.state.variables.get(variables.RANDOM, [])
        if [generator.shape for generator in generators] not in ([], [_SEED_SHAPE]):
            raise Unreadable("the state of Keras' seed generator is not that of one")
        numbers = [epoch.number for epoch in self.state.history]
        if len(numbers) != self.state.position.epoch or numbers != list(range(1, len(numbers) + 1)):
            raise Unreadable(f"its history is not that of {self.state.position.epoch} epochs")
        try:
            for value in (value for callback in self.state.callbacks for value in callback.state.values()):
                values.decoded(value, self.arrays)
            with randomness.kept():
                randomness.restore(self.state.random, self.arrays)
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise Unreadable(f"the state of a callback or of a random generator is damaged: {error}") from error

    def restore(self, model: keras.Model, callbacks: Sequence[Any]) -> None:
        """Gives the state back to a training that it fits. The arrays are let go: memory may be short from here on.

        Args:
            model: The model, compiled, its metrics built.
            callbacks: The user's callbacks, which the training has begun with, in the order of theirs.
        """
        variables.prepare_random(self.state.variables.get(variables.RANDOM, []))
        here = variables.groups(model)
        for group, described in self.state.variables.items():
            if described and group in here:
                variables.assign(here[group], group, self.arrays)
        for layer in model.layers:
            if isinstance(layer, keras.layers.Normalization):
                layer.finalize_state()  # what it computes with follows from its variables
        for callback, found in zip(callbacks, self.state.callbacks, strict=False):
            if type(callback).__name__ == found.callback:
                values.restore(callback, found.state, self.arrays)
        randomness.restore(self.state.random, self.arrays)
        model.stop_training = self.state.stop_training
        self.arrays.clear()


def _renamed(figures: Mapping[str, float], former: Mapping[str, str]) -> dict[str, float]:
    """Returns figures with the names of now, each in its place; one that is there under both names keeps both."""
    return {name if former.get(name, name) in figures else former[name]: value for name, value in figures.items()}
