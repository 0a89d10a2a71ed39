"""The interface of a runtime, and the matching of a model's inputs and outputs with its signature."""

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
    """The inputs of the signature if the model has one, else those in the model file."""
    outputs: list[TensorSpec]
    """The outputs of the signature if the model has one, else those in the model file."""
    max_batch_size: int | None
    """Maximum number of samples in one call; None for any number."""

    def run(self, inputs: Arrays) -> Arrays:
        """Return the model's outputs for the inputs. Any thread may call this method, but only one at a time.

        Raises:
            Exception: The library's exception if it cannot compute the outputs.
        """


class Load(Protocol):
    """Loads a model file into a runtime."""

    def __call__(self, path: Path, signature: Signature | None, threads: int, *, has_check: bool) -> Runtime:
        """Return the loaded model of a file. `has_check` is whether its answers are compared with stored answers later.

        Raises:
            ServeError: ModelRefused, if the library cannot load the model, or the model does not match its signature.
        """


def match_tensors(
    signature: Sequence[TensorSpec], own: Sequence[TensorSpec], kind: str, *, has_check: bool
) -> list[str]:
    """Return the name in the model file for each input or output in the signature, in the signature's order.

    If model and signature have the same names, tensors are paired by name. Otherwise they are paired by position.
    Several tensors are paired by position only if a check follows, since a wrong order would give wrong answers.

    Args:
        signature: The tensors of the signature.
        own: The tensors in the model file.
        kind: "inputs" or "outputs", for messages.
        has_check: Whether the answers are compared with stored answers afterwards.

    Raises:
        ServeError: ModelRefused, if number, types or shapes differ, or names differ and the order cannot be checked.
    """
    by_name = {spec.name: spec for spec in own}
    same_names = len(by_name) == len(own) and all(spec.name in by_name for spec in signature)
    by_position = list(zip(signature, own, strict=False))
    pairs = [(spec, by_name[spec.name]) for spec in signature] if same_names else by_position
    if len(signature) != len(own) or any(not _is_compatible(spec, own_spec) for spec, own_spec in pairs):
        raise ServeError(
            "ModelRefused",
            f"{kind} of the model: expected those of its signature, {_describe(signature)}, found {_describe(own)}: "
            "replace the signature.json beside the model, or delete it",
        )
    if not same_names and len(own) > 1 and not has_check:
        raise ServeError(
            "ModelRefused",
            f"{kind} of the model: expected the names of its signature, {_describe(signature)}, found "
            f"{_describe(own)}: other names need a check.npz that proves the order: write the model's names into "
            "signature.json, or export the model again with its check",
        )
    return [own_spec.name for _, own_spec in pairs]


def _is_compatible(spec: TensorSpec, own: TensorSpec) -> bool:
    axes = zip(spec.shape, own.shape, strict=False)
    return (
        spec.dtype == own.dtype
        and len(spec.shape) == len(own.shape)
        and all(-1 in pair or pair[0] == pair[1] for pair in axes)
    )


def _describe(specs: Sequence[TensorSpec]) -> str:
    return ", ".join(f'"{spec.name}" {spec.dtype} {spec.shape}' for spec in specs)
