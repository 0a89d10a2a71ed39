"""The functions of the framework below Keras that Keras does not offer: one interface, and a module for each framework.

Each framework has its own type of batch pipeline. Each also has its own errors that neither spec nor data cause, and
any call of Keras can raise them. So this package is below `data` and `model`. Keras itself reads and assigns variables
in any framework, by `keras.ops.convert_to_numpy` and `assign`.

Frameworks take seconds to import, so a framework is imported only when it is needed.
"""

import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from epochal_api.pod import MIN_MEMORY_BYTES
from numpy.typing import NDArray

from epochal_trainer.lib.failures import bad_spec

if TYPE_CHECKING:
    import keras

OUT_OF_MEMORY = frozenset({"ResourceExhaustedError"})
"""Class names of the frameworks' errors for exhausted memory: names, because the framework may not be imported."""

_ENVIRONMENT: Mapping[str, Mapping[str, str]] = {
    # TensorFlow logs many lines on import. Errors are still raised as exceptions.
    "tensorflow": {"TF_CPP_MIN_LOG_LEVEL": "3"},
}
"""Environment variables that a framework reads on import."""


Arrays: TypeAlias = NDArray[Any] | tuple[NDArray[Any], ...]
"""An array for a single input or output of a network, or a tuple of arrays in the order of the network."""


class Batches(Protocol):
    """The batches of consecutive passes through the data, prefetched across epochs so that no epoch waits at its start.

    A pass is an epoch, unless spec.training.stepsPerEpoch sets another length.
    """

    def from_step(self, pass_index: int, step: int, *, until_pass: int) -> Any:
        """Return all batches from a step of a pass on: slices of the arrays, in a form that Keras' fit accepts.

        Passes and steps are counted from 0. The pass `until_pass` is not included. Skipped steps are not computed.
        """


class Backend(Protocol):
    """The functions of a framework. A module of this package implements them."""

    MACHINE_ERRORS: tuple[type[Exception], ...]
    """Errors of the machine or its device, which spec and data do not cause: a retry on another node may succeed."""
    INPUT_ERRORS: tuple[type[Exception], ...]
    """Error classes that a framework raises if it cannot compute a step from the inputs."""

    def shuffled_batches(self, *arrays: Arrays, batch_size: int, seed: int) -> Batches:
        """Return arrays in shuffled batches for training. The order depends on seed and epoch only.

        Args:
            arrays: Inputs, expected outputs and optional weights, each array of shape (samples, ...).
            batch_size: Samples per batch; the last batch of an epoch holds the rest.
            seed: Seed of the order.
        """

    def ordered_batches(self, *arrays: Arrays, batch_size: int) -> Any:
        """Return arrays in batches for evaluation, in their order, in a form that Keras' evaluate accepts."""

    def train_step(self, model: "keras.Model", batches: Any) -> Callable[[], Any]:
        """Return a function that trains a model on the next batch, as Keras' fit does, and returns the metrics.

        The function does not wait for the metrics. It adds no frame to a traceback, so errors appear to come from
        Keras. `batches` is the result of `Batches.from_step`.
        """

    def adapt(self, layer: "keras.layers.Layer", before: "keras.Model", features: Arrays) -> None:
        """Adapt a layer (`layer.adapt`) to the outputs of `before`, the network up to the layer, for the features.

        `features` are the inputs of `before`, in its order.
        """

    def variable_value(self, variable: Any) -> NDArray[Any]:
        """Return the value of a Keras variable, without a copy if the value is in host memory."""


def check_memory(framework: str, limit: int | None) -> None:
    """Check that the memory limit suffices to import a framework; else the kernel kills each attempt without a message.

    Raises:
        Failure: OutOfMemory.
    """
    if limit is not None and limit < MIN_MEMORY_BYTES:
        raise bad_spec(
            "OutOfMemory",
            f"the memory limit of the container is {limit / 2**20:,.0f} MiB, but Keras with {framework} alone takes "
            f"{MIN_MEMORY_BYTES / 2**20:,.0f} MiB before any data are read: raise spec.resources.limits.memory. 512Mi "
            "is enough for a small network and few data; a GPU needs more",
        )


def select_framework(framework: str) -> None:
    """Select the framework of Keras, as in spec.framework. Call this function before Keras is imported."""
    os.environ["KERAS_BACKEND"] = framework
    for name, value in _ENVIRONMENT[framework].items():
        os.environ.setdefault(name, value)


@cache
def current() -> Backend:
    """Return the backend of the framework that Keras uses."""
    import keras  # noqa: PLC0415 - a process that only reads data needs less memory without Keras

    match keras.config.backend():
        case "tensorflow":
            from epochal_trainer.backend import tensorflow  # noqa: PLC0415

            return tensorflow
        case other:
            raise NotImplementedError(f"there is no backend for {other}")
