"""The interface of a runtime."""

from pathlib import Path
from typing import Protocol

from epochal_api.signature import Signature, TensorSpec

from epochal_server.model import Arrays, Platform


class Runtime(Protocol):
    """A loaded model that computes outputs."""

    platform: Platform
    """The platform's name in Open Inference."""
    inputs: list[TensorSpec]
    """The inputs, as listed in the model itself."""
    outputs: list[TensorSpec]
    """The outputs, as listed in the model itself."""
    most: int | None
    """Maximum number of samples in one call; None for any number."""

    def run(self, inputs: Arrays) -> Arrays:
        """Return the outputs. Any thread may call this method, but only one at a time.

        Args:
            inputs: Valid arrays by the names of the inputs.

        Raises:
            Exception: The library's exception if it cannot compute the inputs.
        """


class Load(Protocol):
    """Loads a model file into a runtime."""

    def __call__(self, path: Path, signature: Signature | None, threads: int, *, checked: bool) -> Runtime:
        """Return the loaded model of a file.

        Args:
            path: The model file.
            signature: The signature of the model, or None.
            threads: Maximum number of threads that compute at a time.
            checked: Whether the answers are compared with stored answers afterwards.

        Raises:
            ServeError: ModelRefused, if the library cannot load the model, or it does not match its signature.
        """
