"""What the framework below Keras can do and Keras does not, behind one interface, with a module for each framework.

Batches are a framework's own kind of pipeline, and what of its errors are no fault of spec or data counts wherever
Keras is called: so it stands below `data` and `model`. To read and to assign variables, Keras has ways of its own,
`keras.ops.convert_to_numpy` and `assign`, which do it in any framework.

Frameworks take seconds to import: none is before it is asked for.
"""

import os
from collections.abc import Mapping
from functools import cache

from epochal_trainer.backend.interface import Backend, Batches

__all__ = ["OUT_OF_MEMORY", "Backend", "Batches", "choose", "current"]

OUT_OF_MEMORY = frozenset({"ResourceExhaustedError"})
"""Classes of frameworks' own errors for it, by their names: who tells them apart may not have imported any."""

_ENVIRONMENT: Mapping[str, Mapping[str, str]] = {
    # It greets with many lines of its own. Errors still come through as exceptions.
    "tensorflow": {"TF_CPP_MIN_LOG_LEVEL": "3"},
}
"""What a framework reads when it is imported."""


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
