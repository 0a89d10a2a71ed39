"""The minimum memory of a training without its data, computed before anything is allocated."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
from epochal_api.trainingjob.training import Training

_MAX_GPU_MEMORY = 1 << 40
"""More bytes than any GPU has: the limit for a network on a GPU, because the host's memory is no limit for it."""
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
        """Return the memory that a training needs.

        The variables of the model need no values. Without `training`, only weights and gradients count. `slots` is the
        number of variables that the optimizer keeps for each weight.
        """
        trained = count_bytes(model.trainable_variables)
        weights = trained + count_bytes(model.non_trainable_variables)
        layers = model._flatten_layers()  # noqa: SLF001 - also the layers within others
        # Gradients have the types of the weights. An Embedding has a gradient only for each row that is looked up.
        gradients = trained - sum(
            count_bytes(layer.trainable_variables) for layer in layers if isinstance(layer, keras.layers.Embedding)
        )
        if training is None:
            return cls({"weights": weights, "gradients": gradients}, {})
        optimizer = slots * trained
        restoring = sum(callback.arguments.get("restore_best_weights") is True for callback in training.callbacks)
        return cls(
            {"weights": weights, "gradients": gradients, "the optimizer": optimizer},
            {
                "the copy for a checkpoint": weights + optimizer,
                "the best weights, kept by callbacks": 2 * restoring * weights,  # and their copy in a checkpoint
                _BEST_WEIGHTS: weights if keeps_best else 0,
            },
        )

    def fits(self, memory: int, gpus: int, *, without_best: bool = False) -> bool:
        """Return whether the training may fit into the host's memory (in bytes) and the GPUs, if there are any.

        The size of GPU memory is unknown, so only a training that no GPU can hold is refused. With `without_best`, the
        weights that are kept for best.keras do not count.
        """
        training = sum(self.training.values())
        copies = sum(size for use, size in self.copies.items() if use != _BEST_WEIGHTS or not without_best)
        if gpus:
            return training <= gpus * _MAX_GPU_MEMORY and copies <= memory
        return training + copies <= memory

    def __str__(self) -> str:
        uses = {**self.training, **self.copies}
        return "; ".join(f"{use} {size / 2**30:,.1f} GiB" for use, size in uses.items() if size)


def count_bytes(variables: Iterable[Any]) -> int:
    """Return the size of variables in bytes."""
    return sum(
        math.prod(int(size) for size in variable.shape) * np.dtype(variable.dtype).itemsize for variable in variables
    )
