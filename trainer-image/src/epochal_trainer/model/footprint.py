"""The minimum memory that a training needs besides its data, computed before any memory is allocated."""

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import keras
import numpy as np
from epochal_api.trainingjob.training import Training

from epochal_trainer.lib.failures import bad_spec, node_full

_MAX_GPU_MEMORY = 1 << 40
"""Bytes that no GPU exceeds. A training that needs more per GPU is refused; the size of real GPUs is unknown."""
_WEIGHTS = "weights"
_BEST_WEIGHTS = "the best weights, kept for best.keras"


class Footprint(NamedTuple):
    """The bytes of memory that a training needs, by their use.

    Args:
        training: Bytes on the device: weights, gradients and variables of the optimizer.
        copies: Bytes on the host: copies of weights and optimizer for checkpoints, callbacks and best.keras.
    """

    training: Mapping[str, int]
    copies: Mapping[str, int]

    @classmethod
    def estimate(
        cls, model: keras.Model, training: Training | None, *, slots: int = 0, keeps_best: bool = False
    ) -> "Footprint":
        """Return the memory that a training of a model needs.

        The variables of the model may lack values, as in a keras.StatelessScope.

        Args:
            model: The model.
            training: The optimizer and callbacks; None to count only weights and gradients.
            slots: Number of variables that the optimizer has for each trainable weight.
            keeps_best: Whether the weights of the best epoch are kept in memory for best.keras.
        """
        trained = count_bytes(model.trainable_variables)
        weights = trained + count_bytes(model.non_trainable_variables)
        layers = model._flatten_layers()  # noqa: SLF001 - also the layers within others
        # Gradients have the types of the weights. An Embedding has a gradient only for each row that is looked up.
        gradients = trained - sum(
            count_bytes(layer.trainable_variables) for layer in layers if isinstance(layer, keras.layers.Embedding)
        )
        if training is None:
            return cls({_WEIGHTS: weights, "gradients": gradients}, {})
        optimizer = slots * trained
        restoring = sum(callback.arguments.get("restore_best_weights") is True for callback in training.callbacks)
        return cls(
            {_WEIGHTS: weights, "gradients": gradients, "the optimizer": optimizer},
            {
                "the copy for a checkpoint": weights + optimizer,
                "the best weights, kept by callbacks": 2 * restoring * weights,  # and their copy in a checkpoint
                _BEST_WEIGHTS: weights if keeps_best else 0,
            },
        )

    @classmethod
    def of_variables(cls, variables: Iterable[Any]) -> "Footprint":
        """Return the memory of variables alone, without gradients, optimizer and copies."""
        return cls({_WEIGHTS: count_bytes(variables)}, {})

    def fits(self, memory: int, gpus: int, *, without_best: bool = False) -> bool:
        """Return whether the training may fit into the host's memory (in bytes) and the GPUs, if there are any.

        The size of GPU memory is unknown, so the result is False only for a training that no GPU can hold. With
        `without_best`, the copy of the best weights for best.keras is not counted.
        """
        training = sum(self.training.values())
        copies = sum(size for use, size in self.copies.items() if use != _BEST_WEIGHTS or not without_best)
        if gpus:
            return training <= gpus * _MAX_GPU_MEMORY and copies <= memory
        return training + copies <= memory

    def __str__(self) -> str:
        return _format({**self.training, **self.copies})


class FreeMemory(NamedTuple):
    """The memory that a training may use.

    Args:
        host: Bytes of the host's memory.
        used_by_others: Additional bytes that would be available if nothing else ran on this machine.
        gpus: Number of GPUs to train on; 0 to train on the host.
    """

    host: int
    used_by_others: int = 0
    gpus: int = 0

    def require(
        self,
        footprint: Footprint,
        found: str,
        detail: str = "",
        temporary: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Check that the free memory suffices for a training.

        Args:
            footprint: The memory that the training needs.
            found: The network and its size, for the message.
            detail: A further sentence for the message.
            temporary: Bytes of the host's memory, by their use, that are needed besides the weights while they load.

        Raises:
            Failure: InvalidNetwork, if the training needs more memory than the machine has. OutOfMemory, if it would
                fit without the memory of other processes.
        """
        loading = sum(temporary.values()) + (0 if self.gpus else footprint.training[_WEIGHTS])
        is_short = loading > self.host
        if footprint.fits(self.host, self.gpus) and not is_short:
            return
        needs = f"{footprint}; {_format(temporary)}" if temporary else str(footprint)
        found = f"{found}: {needs}, but only {self.host / 2**30:,.1f} GiB are free{detail}"
        everything = self.host + self.used_by_others
        if footprint.fits(everything, self.gpus) and loading <= everything:
            raise node_full(found)
        advice = "Make the network smaller, or raise spec.resources.limits.memory"
        if not is_short and footprint.fits(self.host, self.gpus, without_best=True):
            advice = "Raise spec.resources.limits.memory, or store no best.keras: spec.results.best: false"
        raise bad_spec("InvalidNetwork", f"{found}. {advice}")


def _format(uses: Mapping[str, int]) -> str:
    return "; ".join(f"{use} {size / 2**30:,.1f} GiB" for use, size in uses.items() if size)


def count_bytes(variables: Iterable[Any]) -> int:
    """Return the size of all variables together in bytes."""
    return sum(
        math.prod(int(size) for size in variable.shape) * np.dtype(variable.dtype).itemsize for variable in variables
    )
