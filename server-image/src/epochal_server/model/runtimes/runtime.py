"""The interface of a runtime, and the order of its inputs and outputs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from epochal_api.signature import Signature, TensorSpec
from epochal_lib.model_server.errors import ServeError

from epochal_server.model.model import Arrays, Platform


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
            ServeError: ModelRefused, if the library cannot load the model, or the model does not match its signature.
        """


def paired(signature: Sequence[TensorSpec], own: Sequence[TensorSpec], kind: str, *, checked: bool) -> list[str]:
    """Return the model's own name for each tensor of its signature, in the signature's order.

    Tensors with the same names are paired by name. Otherwise several tensors are paired by position only if a check
    follows. Without a check, a wrong order would give wrong answers unnoticed.

    Args:
        signature: The tensors of the signature.
        own: The tensors of the model itself.
        kind: "inputs" or "outputs", for messages.
        checked: Whether the answers are compared with stored answers afterwards.

    Raises:
        ServeError: ModelRefused, if the signature or its names do not match the model.
    """
    by_name = {spec.name: spec for spec in own}
    named = len(by_name) == len(own) and all(spec.name in by_name for spec in signature)
    pairs = [(spec, by_name[spec.name]) for spec in signature] if named else list(zip(signature, own, strict=False))
    if len(signature) != len(own) or any(not _alike(one, other) for one, other in pairs):
        raise ServeError(
            "ModelRefused",
            f"its {kind} must match its signature, {_listed(signature)}, found {_listed(own)}: put the signature.json "
            "of this model beside it, or none",
        )
    if not named and len(own) > 1 and not checked:
        raise ServeError(
            "ModelRefused",
            f"its {kind} must have the names of its signature, {_listed(signature)}, found {_listed(own)}: several are "
            "paired by position only if check.npz proves it, so use the model's names in signature.json, or export the "
            "model again with its check",
        )
    return [other.name for _, other in pairs]


def _alike(one: TensorSpec, other: TensorSpec) -> bool:
    axes = zip(one.shape, other.shape, strict=False)
    return (
        one.dtype == other.dtype
        and len(one.shape) == len(other.shape)
        and all(-1 in pair or pair[0] == pair[1] for pair in axes)
    )


def _listed(specs: Sequence[TensorSpec]) -> str:
    return ", ".join(f'"{spec.name}" {spec.dtype} {spec.shape}' for spec in specs)
