"""What a training surely takes of the memory beside its data, counted before anything is allocated."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from epochal_api.training import Training

_MOST_GPU_MEMORY = 1 << 40
"""More than any GPU holds: what a network on one is bounded by, since the host's memory says nothing of it."""


@dataclass(frozen=True)
class Footprint:
    """Bytes that a training takes.

    Args:
        weights: Weights, trainable or not.
        gradients: Their gradients, of the same types, whatever a layer computes in; none of an Embedding's, which has
            one for each row that is looked up.
        optimizer: What the optimizer keeps.
        checkpoint: A copy of weights and optimizer on the host, on its way to the bucket.
        callbacks: Weights that callbacks keep on the host, and their copy in a checkpoint.
        best: The weights of the best epoch, kept on the host.
    """

    weights: int
    gradients: int
    optimizer: int = 0
    checkpoint: int = 0
    callbacks: int = 0
    best: int = 0

    @classmethod
    def of(
        cls, model: keras.Model, training: Training | None, *, slots: int = 0, keeps_best: bool = False
    ) -> "Footprint":
        """Counts what a training takes.

        Args:
            model: The model; its variables need no values.
            training: How it is trained; None to count weights and gradients alone.
            slots: Variables that the optimizer keeps for each weight.
            keeps_best: Whether the weights of the best epoch are kept.
        """
        trained = count_bytes(model.trainable_variables)
        weights = trained + count_bytes(model.non_trainable_variables)
        layers = model._flatten_layers()  # noqa: SLF001 - those within others, too
        gradients = trained - sum(
            count_bytes(layer.trainable_variables) for layer in layers if isinstance(layer, keras.layers.Embedding)
        )
        if training is None:
            return cls(weights, gradients)
        optimizer = slots * trained
        restoring = sum(callback.arguments.get("restore_best_weights") is True for callback in training.callbacks)
        return cls(
            weights,
            gradients,
            optimizer,
            checkpoint=weights + optimizer,
            callbacks=2 * restoring * weights,
            best=weights if keeps_best else 0,
        )

    def fits(self, memory: int, gpus: int) -> bool:
        """Whether it may fit.

        Args:
            memory: Bytes of the host's memory.
            gpus: GPUs to train on; 0 to train on the host.
        """
        training = self.weights + self.gradients + self.optimizer
        copies = self.checkpoint + self.callbacks + self.best
        if gpus:
            return training <= gpus * _MOST_GPU_MEMORY and copies <= memory
        return training + copies <= memory

    def __str__(self) -> str:
        parts = {
            "weights": self.weights,
            "gradients": self.gradients,
            "the optimizer": self.optimizer,
            "the copy for a checkpoint": self.checkpoint,
            "the best weights, kept by callbacks": self.callbacks,
            "the best weights, kept for best.keras": self.best,
        }
        return "; ".join(f"{name} {size / 2**30:,.1f} GiB" for name, size in parts.items() if size)


def count_bytes(variables: Iterable[Any]) -> int:
    """Returns the bytes that variables take."""
    return sum(
        math.prod(int(size) for size in variable.shape) * np.dtype(variable.dtype).itemsize for variable in variables
    )
