"""Functions that need the framework below Keras, such as TensorFlow: one interface, and a module for each framework.

Each framework has its own type of batch pipeline. Each also has its own errors for exhausted memory and for faults of
the machine or its GPU, which any call of Keras can raise. The packages `data` and `model` import this package. To read
and assign variables, they use Keras, which can do both in any framework (`keras.ops.convert_to_numpy`, `assign`).

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
"""Class names of the frameworks' errors for exhausted memory. The classes may not be imported yet, so compare names."""

_ENVIRONMENT: Mapping[str, Mapping[str, str]] = {
    # TensorFlow logs many lines on import. Errors are still raised as exceptions.
    "tensorflow": {"TF_CPP_MIN_LOG_LEVEL": "3"},
}
"""Environment variables to set before the import of a framework, by the name of the framework."""


Arrays: TypeAlias = NDArray[Any] | tuple[NDArray[Any], ...]
"""An array for a single input or output of a network, or a tuple of arrays in the order of the network."""


class Batches(Protocol):
    """The batches of consecutive passes through the data, prefetched across epochs so that no epoch waits at its start.

    A pass contains each sample once. An epoch is a pass, unless spec.training.stepsPerEpoch sets its number of steps.
    """

    def from_step(self, first_pass: int, step: int, *, until_pass: int) -> Any:
        """Return the batches from step `step` of pass `first_pass` to the end of pass `until_pass - 1`, for Keras' fit.

        Passes and steps are counted from 0. The batches before `step` are not computed.
        """


class Backend(Protocol):
    """The functions of a framework. A module of this package implements them."""

    MACHINE_ERRORS: tuple[type[Exception], ...]
    """Error classes of the framework for faults of the machine or its GPU: a retry on another node may succeed."""
    INPUT_ERRORS: tuple[type[Exception], ...]
    """Error classes of the framework for inputs, such as values or shapes, from which it cannot compute a step."""

    def shuffled_batches(self, *arrays: Arrays, batch_size: int, seed: int) -> Batches:
        """Return arrays in shuffled batches for training. The order depends only on the seed and the index of the pass.

        Args:
            arrays: Inputs, expected outputs and optional weights, each array of shape (samples, ...).
            batch_size: Samples per batch; the last batch of a pass may have fewer.
            seed: Seed of the shuffled order.
        """

    def ordered_batches(self, *arrays: Arrays, batch_size: int) -> Any:
        """Return arrays in batches without shuffling, each sample once, in a form that Keras' evaluate accepts."""

    def train_step(self, model: "keras.Model", batches: Any) -> Callable[[], Any]:
        """Return a function that trains a model on the next batch, as Keras' fit does, and returns the metrics.

        The function does not wait until the metrics are computed. It adds no frame to the traceback of an error, so
        that the error appears to come from Keras. `batches` is the result of `Batches.from_step`.
        """

    def adapt(self, layer: "keras.layers.Layer", before: "keras.Model", features: Arrays) -> None:
        """Call `adapt` of a layer, such as Normalization, with the values that enter the layer for all samples.

        Args:
            layer: The layer.
            before: The part of the network before the layer.
            features: The samples: the inputs of `before`, in its order.
        """

    def variable_value(self, variable: Any) -> NDArray[Any]:
        """Return the value of a Keras variable, without a copy if the value is in host memory."""


def check_memory(framework: str, limit: int | None) -> None:
    """Check that the container's memory limit is enough to import a framework. None is no limit.

    Without this check, the kernel would kill each attempt without a message.

    Raises:
        Failure: OutOfMemory, if the limit is below MIN_MEMORY_BYTES.
    """
    if limit is not None and limit < MIN_MEMORY_BYTES:
        raise bad_spec(
            "OutOfMemory",
            f"the memory limit of the container is {limit / 2**20:,.0f} MiB, but Keras with {framework} alone takes "
            f"{MIN_MEMORY_BYTES / 2**20:,.0f} MiB before any data are read: raise spec.resources.limits.memory. 512Mi "
            "is enough for a small network and few data; a GPU needs more",
        )


def select_framework(framework: str) -> None:
    """Set the environment variables that make Keras use a framework (spec.framework), before Keras is imported."""
    os.environ["KERAS_BACKEND"] = framework
    for name, value in _ENVIRONMENT[framework].items():
        os.environ.setdefault(name, value)


@cache
def current() -> Backend:
    """Return the module with the functions for the framework that Keras uses. The first call imports Keras."""
    import keras  # noqa: PLC0415 - a process that only reads data needs less memory without Keras

    match keras.config.backend():
        case "tensorflow":
            from epochal_trainer.backend import tensorflow  # noqa: PLC0415

            return tensorflow
        case other:
            raise NotImplementedError(f"there is no backend for {other}")
