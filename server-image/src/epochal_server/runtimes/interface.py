"""What the server asks of whatever computes."""

from pathlib import Path
from typing import Protocol

from epochal_api.signature import Signature, TensorSpec

from epochal_server.model import Arrays, Platform


class Runtime(Protocol):
    """A model that is loaded."""

    platform: Platform
    """What computes."""
    inputs: list[TensorSpec]
    """What the model itself says that it takes."""
    outputs: list[TensorSpec]
    """What the model itself says that it gives."""
    most: int | None
    """How many samples it takes at a time, at most; None for any number."""

    def run(self, inputs: Arrays) -> Arrays:
        """Returns the outputs. It may be called from any thread, from one at a time.

        Args:
            inputs: Arrays by names, as they must be.

        Raises:
            Exception: Whatever the library raises if it cannot compute them.
        """


class Load(Protocol):
    """Loads a model."""

    def __call__(self, path: Path, signature: Signature | None, threads: int, *, checked: bool) -> Runtime:
        """Returns the model in a file.

        Args:
            path: The file.
            signature: What it takes and gives, if that is known.
            threads: How many threads may compute at a time.
            checked: Whether its answers are compared with stored ones afterwards.

        Raises:
            Ended: ModelRefused, if the library cannot load it, or it is not what its signature says.
        """
