"""The minimum memory of a training without its data, computed before anything is allocated."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from epochal_api.training import Training

_MOST_GPU_MEMORY = 1 << 40
"""More bytes than any GPU has: the limit for a network on a GPU, because the host's memory is no limit for it."""


@dataclass(frozen=True)
class Footprint:
    """The bytes of memory that a training needs.

    Args:
        weights: Weights, trainable or not.
        gradients: Their gradients, of the same types, whatever the compute dtype of a layer. Gradients of an Embedding
            are not counted: it has a gradient only for each row that is looked up.
        optimizer: Variables of the optimizer.
        checkpoint: A copy of weights and optimizer on the host, for the upload to the bucket.
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
        """Return the memory that a training needs.

        Args:
            model: The model. Its variables need no values.
            training: How it is trained; None to count weights and gradients only.
            slots: Number of variables that the optimizer keeps for each weight.
            keeps_best: Whether the weights of the best epoch are kept.
        """
        trained = count_bytes(model.trainable_variables)
        weights = trained + count_bytes(model.non_trainable_variables)
        layers = model._flatten_layers()  # noqa: SLF001 - also the layers within others
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
        """Return whether the training may fit into memory.

        Args:
            memory: Bytes of the host's memory.
            gpus: Number of GPUs to train on; 0 to train on the host.
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
    """Return the bytes of the given variables."""
    return sum(
        math.prod(int(size) for size in variable.shape) * np.dtype(variable.dtype).itemsize for variable in variables
    )
