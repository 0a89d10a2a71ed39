"""What a framework must be able to do."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras


class Batches(Protocol):
    """The batches of a training, one epoch after the other, so that none waits at an epoch's start."""

    def since(self, epoch: int, step: int, *, until: int) -> Any:
        """Returns all batches from a step of an epoch on: tuples of parts of arrays, in a form that Keras' fit takes.

        Args:
            epoch: The epoch, counted from 0.
            step: The step to begin with, counted from 0: what comes before it costs nothing.
            until: The epoch to end before.
        """


class Backend(Protocol):
    """What a framework can do. A module of this package is one."""

    FAULTS: tuple[type[Exception], ...]
    """Errors of the machine or its device, which say nothing about spec or data: the same may do on another node."""
    INVALID: tuple[type[Exception], ...]
    """Errors of a step that cannot be computed for what goes into it."""

    def shuffled(self, *arrays: NDArray[Any], batch_size: int, seed: int) -> Batches:
        """Returns arrays in batches to train on, in an order that follows from seed and epoch, whatever came before.

        Args:
            arrays: Features, labels and, where there are any, weights, each of shape (samples, ...).
            batch_size: Samples per batch; the last of an epoch holds the rest.
            seed: Seed of the order.
        """

    def in_order(self, *arrays: NDArray[Any], batch_size: int) -> Any:
        """Returns arrays in batches to evaluate on, in their order, in a form that Keras' evaluate takes.

        Args:
            arrays: Features, labels and, where there are any, weights, each of shape (samples, ...).
            batch_size: Samples per batch; the last holds the rest.
        """

    def train_step(self, model: "keras.Model", batches: Any) -> Callable[[], Any]:
        """Returns what trains a model on the next batch, as Keras' fit does, and gives its figures.

        Nobody waits for them. It has no frame of its own in a traceback: what is raised in it, Keras raises.

        Args:
            model: The model, compiled.
            batches: As `Batches.since` gives them.
        """

    def adapt(self, layer: "keras.layers.Layer", before: "keras.Model", features: NDArray[Any]) -> None:
        """Lets a layer learn from features, as they reach it.

        Args:
            layer: The layer, which has `adapt`.
            before: What the network does to features until they reach it.
            features: Features of shape (samples, ...).
        """

    def value(self, variable: Any) -> NDArray[Any]:
        """Returns a variable's value; where it is in the host's memory, without a copy of it.

        Args:
            variable: A variable of Keras.
        """
