"""The interface that the module of a framework implements."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras


class Batches(Protocol):
    """The batches of consecutive epochs of a training, prefetched across epochs so that no epoch waits at its start."""

    def since(self, epoch: int, step: int, *, until: int) -> Any:
        """Return all batches from a step of an epoch on: tuples of array slices, in a form that Keras' fit accepts.

        Args:
            epoch: The epoch, counted from 0.
            step: The first step, counted from 0. Skipped steps are not computed.
            until: The epoch to end before, counted from 0.
        """


class Backend(Protocol):
    """The functions of a framework. A module of this package implements them."""

    FAULTS: tuple[type[Exception], ...]
    """Errors of the machine or its device, which spec and data do not cause: a retry on another node may succeed."""
    INVALID: tuple[type[Exception], ...]
    """Errors of a step that cannot be computed from its inputs."""

    def shuffled(self, *arrays: NDArray[Any], batch_size: int, seed: int) -> Batches:
        """Return arrays in shuffled batches for training. The order depends on seed and epoch only.

        Args:
            arrays: Features, labels and optional weights, each of shape (samples, ...).
            batch_size: Samples per batch; the last batch of an epoch holds the rest.
            seed: Seed of the order.
        """

    def in_order(self, *arrays: NDArray[Any], batch_size: int) -> Any:
        """Return arrays in batches for evaluation, in their order, in a form that Keras' evaluate accepts.

        Args:
            arrays: Features, labels and optional weights, each of shape (samples, ...).
            batch_size: Samples per batch; the last batch holds the rest.
        """

    def train_step(self, model: "keras.Model", batches: Any) -> Callable[[], Any]:
        """Return a function that trains a model on the next batch, as Keras' fit does, and returns the metrics.

        The function does not wait for the metrics. It adds no frame to a traceback, so errors appear to come from
        Keras.

        Args:
            model: The compiled model.
            batches: The result of `Batches.since`.
        """

    def adapt(self, layer: "keras.layers.Layer", before: "keras.Model", features: NDArray[Any]) -> None:
        """Adapt a layer to the features that reach it.

        Args:
            layer: A layer with an `adapt` method.
            before: The part of the network before the layer.
            features: Features of shape (samples, ...).
        """

    def value(self, variable: Any) -> NDArray[Any]:
        """Return the value of a variable, without a copy if the value is in host memory.

        Args:
            variable: A Keras variable.
        """
