"""The weights of the best epoch so far: kept in the host's memory, and with checkpoints, so that no kill loses them.

They are those that validation computed with, which its figures are of.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from epochal_trainer import backend
from epochal_trainer.checkpoint import archive, variables
from epochal_trainer.checkpoint.costs import Costs
from epochal_trainer.checkpoint.files import Copy
from epochal_trainer.checkpoint.state import BestState, Position, VariableState
from epochal_trainer.data.samples import Array
from epochal_trainer.storage.faults import room_for

_GROUP = "best"


class Kept:
    """The weights of an epoch. What is told of them stays; the arrays may be used for another epoch's after `spare`.

    Args:
        epoch: The epoch, counted from 1.
        described: The weights, in the order of the model's.
        arrays: Their values, by the names best/INDEX.
        of_model: Whether the model itself held them when that epoch had ended, as a checkpoint of then does.
        copy: A file that holds them, if there is one.
    """

    def __init__(
        self,
        epoch: int,
        described: Sequence[VariableState],
        arrays: dict[str, Array],
        *,
        of_model: bool = False,
        copy: Copy | None = None,
    ) -> None:
        self.epoch = epoch
        self.arrays = arrays
        self._described = described
        self._of_model = of_model
        self._copy = copy
        self._awaited = False

    @classmethod
    def read(cls, state: BestState, copy: Copy) -> "Kept":
        """Reads the weights that belong to a checkpoint.

        Args:
            state: What the checkpoint says of them.
            copy: The file.

        Raises:
            Unreadable: If it does not hold them.
        """
        arrays = archive.read_arrays(copy.path, _by_name(state.variables))
        return cls(state.epoch, state.variables, arrays, copy=copy)

    @property
    def size(self) -> int:
        """Bytes that they take."""
        return sum(array.nbytes for array in self.arrays.values())

    def state(self, position: Position) -> BestState:
        """Returns what a checkpoint that is taken now says of them: unless it holds them, it waits for a file."""
        own = self._of_model and position == Position(epoch=self.epoch)
        self._awaited |= not own
        return BestState(epoch=self.epoch, own=own, variables=list(self._described))

    def file(self, folder: Path) -> Copy:
        """Returns a file that holds them, written at the first call. For the thread that writes checkpoints alone.

        Args:
            folder: Folder for it.

        Raises:
            Failure: ScratchFull.
        """
        if self._copy is None:
            handle, name = tempfile.mkstemp(dir=folder)
            os.close(handle)
            copy = Copy(Path(name))
            with room_for(copy.path, archive.size(self.arrays), "the weights of the best epoch"):
                archive.write_arrays(copy.path, self.arrays)
            self._copy = copy
        return self._copy

    def spare(self) -> dict[str, Array]:
        """Returns the arrays, to be used for another epoch's: none if a checkpoint waits for them to be in a file."""
        return {} if self._awaited and self._copy is None else self.arrays

    def fitted(self, model: keras.Model) -> "Kept":
        """Returns them in the order of a model's weights.

        Raises:
            Different: If the model has others.
        """
        arrays = dict(self.arrays)
        described = variables.arrange(self._described, model.weights, _GROUP, arrays)
        return Kept(self.epoch, described, arrays, copy=self._copy if described == self._described else None)

    def give_to(self, model: keras.Model) -> None:
        """Makes them the weights of a model that they fit."""
        variables.assign(model.weights, _GROUP, self.arrays)

    def digest(self) -> str:
        """Returns what `digest` would for a model that has them."""
        return _digest(self.arrays[name] for name in _by_name(self._described))


class BestWeights:
    """Keeps the weights of the best epoch so far, in memory that is used again.

    Args:
        model: The model.
        callbacks: The user's callbacks.
        costs: Takes what that costs.
    """

    def __init__(self, model: keras.Model, callbacks: Sequence[Any], costs: Costs) -> None:
        self.kept: Kept | None = None
        self._model = model
        self._callbacks = callbacks
        self._costs = costs

    def take(self, epoch: int) -> None:
        """Takes the weights of an epoch that has ended.

        Args:
            epoch: The epoch, counted from 1.
        """
        with self._costs.keeping_best():
            weights, found = self._model.weights, _validated(self._model, self._callbacks)
            spare = self.kept.spare() if self.kept is not None else {}
            arrays = dict(variables.values(found, _GROUP, spare))
            of_model = all(one is other for one, other in zip(weights, found, strict=True))
            self.kept = Kept(epoch, variables.describe(weights), arrays, of_model=of_model)

    def resume(self, state: BestState | None, kept: Kept | None) -> None:
        """Takes over what a checkpoint says, once it was given back to the model.

        Args:
            state: What it says of the best weights.
            kept: Those that came with it, if they are not its own.
        """
        if state is not None and state.own:
            self.take(state.epoch)
        else:
            self.kept = kept


def digest(model: keras.Model) -> str:
    """Returns the SHA-256 of a model's weights: of their types, shapes and values, in their order."""
    return _digest(backend.current().value(weight) for weight in model.weights)


def merged(model: keras.Model) -> str:
    """Returns which layers are stored with other weights than they have, as LoRA is: the same function, if rounded."""
    layers = model._flatten_layers()  # noqa: SLF001 - wrappers hold layers, too
    return ", ".join(layer.name for layer in layers if getattr(layer, "lora_enabled", False))


def _digest(values: Iterable[Array]) -> str:
    found = hashlib.sha256()
    for value in values:
        found.update(f"{value.dtype.name}{value.shape}".encode())
        found.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
    return found.hexdigest()


def _by_name(described: Sequence[VariableState]) -> Mapping[str, VariableState]:
    return {variables.name(_GROUP, index): each for index, each in enumerate(described)}


def _validated(model: keras.Model, callbacks: Sequence[Any]) -> list[Any]:
    """Returns for each weight of a model the variable that it was validated with, once an epoch has ended.

    SwapEMAWeights puts averages in the place of weights for that, and may have taken them out again.
    """
    averages: dict[int, Any] = {}
    swaps = (callback for callback in callbacks if isinstance(callback, keras.callbacks.SwapEMAWeights))
    if any(not swap._ema_weights_in_model for swap in swaps):  # noqa: SLF001
        optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        for one in getattr(optimizer, "optimizers", [optimizer]):
            if one.use_ema:
                pairs = zip(one._trainable_variables, one._model_variables_moving_average, strict=True)  # noqa: SLF001
                averages |= {id(weight): average for weight, average in pairs}
    return [averages.get(id(weight), weight) for weight in model.weights]
