"""What the framework below Keras can do and Keras does not, behind one interface, with a module for each framework.

Batches are a framework's own kind of pipeline, and what of its errors are no fault of spec or data counts wherever
Keras is called: so it stands below `data` and `model`. To read and to assign variables, Keras has ways of its own,
`keras.ops.convert_to_numpy` and `assign`, which do it in any framework.

Frameworks take seconds to import: none is before it is asked for.
"""

import os
from collections.abc import Mapping
from functools import cache

from epochal_api.pod import LEAST_MEMORY

from epochal_trainer.backend.interface import Backend, Batches
from epochal_trainer.lib.failures import bad_spec

__all__ = ["OUT_OF_MEMORY", "Backend", "Batches", "check_memory", "choose", "current"]

OUT_OF_MEMORY = frozenset({"ResourceExhaustedError"})
"""Classes of frameworks' own errors for it, by their names: who tells them apart may not have imported any."""

_ENVIRONMENT: Mapping[str, Mapping[str, str]] = {
    # It greets with many lines of its own. Errors still come through as exceptions.
    "tensorflow": {"TF_CPP_MIN_LOG_LEVEL": "3"},
}
"""What a framework reads when it is imported."""


def check_memory(framework: str, limit: int | None) -> None:
    """Makes sure that a framework can be imported: where it cannot, the kernel kills without a word, again and again.

    Args:
        framework: Its name, as spec.framework has it.
        limit: Bytes of memory that this container may take; None if there is no limit.

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
    """Has Keras compute with a framework: to be called before it is imported.

    Args:
        framework: Its name, as spec.framework has it.
    """
    os.environ["KERAS_BACKEND"] = framework
    for name, value in _ENVIRONMENT[framework].items():
        os.environ.setdefault(name, value)


@cache
def current() -> Backend:
    """Returns what the framework can do that Keras computes with."""
    import keras  # noqa: PLC0415 - what only reads data takes less memory without it

    match keras.config.backend():
        case "tensorflow":
            from epochal_trainer.backend import tensorflow  # noqa: PLC0415

            return tensorflow
        case other:
            raise NotImplementedError(f"there is no backend for {other}")
