"""The weights of the best epoch so far: kept in host memory, and stored with checkpoints, so that they survive a kill.

These are the weights that the validation of the epoch used, such as averages of weights with SwapEMAWeights.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from epochal_trainer import backend
from epochal_trainer.checkpoint import archive, variables
from epochal_trainer.checkpoint.costs import Costs
from epochal_trainer.checkpoint.files import FileCopy
from epochal_trainer.checkpoint.state import BestState, Position, VariableState
from epochal_trainer.data.arrays import Array
from epochal_trainer.storage.failures import check_disk_space

_GROUP = "best"


@dataclass(eq=False)
class EpochWeights:
    """The weights of an epoch.

    After `reusable_arrays`, `arrays` may be overwritten with the weights of another epoch. `described` never changes.

    Args:
        epoch: The epoch, counted from 1.
        described: Descriptions of the weights, in the order of the model's weights.
        arrays: The values of the weights, by the names best/INDEX.
        of_model: Whether the model's own variables had these weights at the end of the epoch. Then a checkpoint of
            that moment contains them. False for averages of weights.
        copy: A file with the weights, or None if no file has been written.
    """

    epoch: int
    described: Sequence[VariableState]
    arrays: dict[str, Array]
    of_model: bool = False
    copy: FileCopy | None = None
    _needs_file: bool = field(default=False, init=False)

    @classmethod
    def read(cls, state: BestState, copy: FileCopy) -> "EpochWeights":
        """Read the best weights that a checkpoint describes from a copy of its file best.zip.

        Raises:
            UnreadableCheckpoint: If the file does not have the described weights.
        """
        arrays = archive.read_arrays(copy.path, _array_descriptions(state.variables))
        return cls(state.epoch, state.variables, arrays, copy=copy)

    @property
    def size(self) -> int:
        """Size of the arrays in bytes."""
        return sum(array.nbytes for array in self.arrays.values())

    def state(self, position: Position) -> BestState:
        """Return the description of these weights for a checkpoint of the training at a position.

        Unless the checkpoint itself contains these weights, `reusable_arrays` returns no arrays until `file` has
        written them.
        """
        in_checkpoint = self.of_model and position == Position(epoch=self.epoch)
        self._needs_file |= not in_checkpoint
        return BestState(epoch=self.epoch, in_checkpoint=in_checkpoint, variables=list(self.described))

    def file(self, folder: Path) -> FileCopy:
        """Return a file with the weights in a folder. Only the first call writes it.

        Only the thread that writes checkpoints may call this method.

        Raises:
            Failure: ScratchFull.
        """
        if self.copy is None:
            copy = FileCopy.in_folder(folder)
            with check_disk_space(copy.path, archive.size(self.arrays), "the weights of the best epoch"):
                archive.write(copy.path, self.arrays)
            self.copy = copy
        return self.copy

    def reusable_arrays(self) -> dict[str, Array]:
        """Return the arrays to be overwritten; an empty dict if a checkpoint still needs them for its file."""
        return {} if self._needs_file and self.copy is None else self.arrays

    def match_to_model(self, model: keras.Model) -> "EpochWeights":
        """Return these weights in the order of a model's weights, matched by path, shape and type.

        Raises:
            VariablesDiffer: If the model has other weights.
        """
        arrays = dict(self.arrays)
        described = variables.reorder(self.described, model.weights, _GROUP, arrays)
        return EpochWeights(self.epoch, described, arrays, copy=self.copy if described == self.described else None)

    def assign_to(self, model: keras.Model) -> None:
        """Set a model's weights to these weights, which must be in the order of the model."""
        variables.assign(model.weights, _GROUP, self.arrays)

    def digest(self) -> str:
        """Return the SHA-256 of these weights: the same as the function `digest` of a model with these weights."""
        return _digest(self.arrays[name] for name in _array_descriptions(self.described))


class BestWeights:
    """Keeps the weights of the best epoch so far (`kept`). Their arrays are reused for the next best epoch."""

    def __init__(self, model: keras.Model, callbacks: Sequence[Any], costs: Costs) -> None:
        self.kept: EpochWeights | None = None
        self._model = model
        self._callbacks = callbacks
        self._costs = costs

    def take(self, epoch: int) -> None:
        """Copy the weights that validation used in an epoch that has just ended, and keep them as the best weights."""
        with self._costs.keeping_best():
            weights, found = self._model.weights, _validated_weights(self._model, self._callbacks)
            spare = self.kept.reusable_arrays() if self.kept is not None else {}
            arrays = dict(variables.values(found, _GROUP, spare))
            of_model = all(weight is variable for weight, variable in zip(weights, found, strict=True))
            self.kept = EpochWeights(epoch, variables.describe(weights), arrays, of_model=of_model)

    def resume(self, state: BestState | None, kept: EpochWeights | None) -> None:
        """Set the best weights from a checkpoint, after its state was restored to the model.

        If the checkpoint itself contains the best weights (`state.in_checkpoint`), they are copied from the model.
        """
        if state is not None and state.in_checkpoint:
            self.take(state.epoch)
        else:
            self.kept = kept


def digest(model: keras.Model) -> str:
    """Return the SHA-256 of a model's weights: their types, shapes and values, in order."""
    return _digest(backend.current().variable_value(weight) for weight in model.weights)


def merged_lora_layers(model: keras.Model) -> str:
    """Return the names of a model's layers with LoRA as text, separated by commas; "" if there are none.

    Keras stores such a layer with its LoRA weights added to its kernel, so the stored weights differ from the model's.
    """
    layers = model._flatten_layers()  # noqa: SLF001 - also finds layers inside wrappers
    return ", ".join(layer.name for layer in layers if getattr(layer, "lora_enabled", False))


def _digest(values: Iterable[Array]) -> str:
    found = hashlib.sha256()
    for value in values:
        found.update(f"{value.dtype.name}{value.shape}".encode())
        found.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
    return found.hexdigest()


def _array_descriptions(described: Sequence[VariableState]) -> Mapping[str, VariableState]:
    return {variables.array_name(_GROUP, index): state for index, state in enumerate(described)}


def _validated_weights(model: keras.Model, callbacks: Sequence[Any]) -> list[Any]:
    """Return, for each weight of a model, the variable with the value that validation used in the epoch that has ended.

    With SwapEMAWeights, this is the optimizer's average of the weight, unless the model's weights are still the
    averages.
    """
    averages: dict[int, Any] = {}
    swaps = (callback for callback in callbacks if isinstance(callback, keras.callbacks.SwapEMAWeights))
    if any(not swap._ema_weights_in_model for swap in swaps):  # noqa: SLF001
        optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        for part in getattr(optimizer, "optimizers", [optimizer]):
            if part.use_ema:
                pairs = zip(part._trainable_variables, part._model_variables_moving_average, strict=True)  # noqa: SLF001
                averages |= {id(weight): average for weight, average in pairs}
    return [averages.get(id(weight), weight) for weight in model.weights]
