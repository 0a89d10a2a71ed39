"""The functions of the framework below Keras that Keras does not offer: one interface, and a module for each framework.

Each framework has its own type of batch pipeline. Each also has its own errors that neither spec nor data cause, and
any call of Keras can raise them. So this package is below `data` and `model`. Keras itself reads and assigns variables
in any framework, by `keras.ops.convert_to_numpy` and `assign`.

Frameworks take seconds to import, so a framework is imported only when it is needed.
"""

import os
from collections.abc import Mapping
from functools import cache

from epochal_api.pod import LEAST_MEMORY

from epochal_trainer.backend.interface import Backend, Batches
from epochal_trainer.lib.failures import bad_spec

__all__ = ["OUT_OF_MEMORY", "Backend", "Batches", "check_memory", "choose", "current"]

OUT_OF_MEMORY = frozenset({"ResourceExhaustedError"})
"""Class names of the frameworks' errors for exhausted memory: names, because the framework may not be imported."""

_ENVIRONMENT: Mapping[str, Mapping[str, str]] = {
    # TensorFlow logs many lines on import. Errors are still raised as exceptions.
    "tensorflow": {"TF_CPP_MIN_LOG_LEVEL": "3"},
}
"""Environment variables that a framework reads on import."""


def check_memory(framework: str, limit: int | None) -> None:
    """Check that the memory limit suffices to import a framework; else the kernel kills each attempt without a message.

    Args:
        framework: Name of the framework, as in spec.framework.
        limit: Memory limit of this container in bytes; None if there is no limit.

    Raises:
        Failure: OutOfMemory.
    """
    if limit is not None and limit < LEAST_MEMORY:
        raise bad_spec(
            "OutOfMemory",
            f"the container may take {limit / 2**20:,.0f} MiB of memory, and Keras with {framework} alone takes "
            f"{LEAST_MEMORY / 2**20:,.0f} MiB before any data are read: spec.resources.limits.memory must be more than "
            "that. 512Mi is enough for a small network and few data; a GPU takes more",
        )


def choose(framework: str) -> None:
    """Select the framework of Keras. Call this function before Keras is imported.

    Args:
        framework: Name of the framework, as in spec.framework.
    """
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
