"""Pairs the tensors of a signature with the tensors of the model, by name or by position."""

from collections.abc import Sequence

from epochal_api.signature import TensorSpec
from epochal_lib.model_server.errors import ServeError


def paired(told: Sequence[TensorSpec], own: Sequence[TensorSpec], kind: str, *, checked: bool) -> list[str]:
    """Return the model's own name for each tensor of its signature, in the signature's order.

    Tensors with the same names are paired by name. Otherwise several tensors are paired by position only if a check
    follows. Without a check, a wrong order would give wrong answers unnoticed.

    Args:
        told: The tensors of the signature.
        own: The tensors of the model itself.
        kind: "inputs" or "outputs", for messages.
        checked: Whether the answers are compared with stored answers afterwards.

    Raises:
        ServeError: ModelRefused, if the signature or its names do not match the model.
    """
    by_name = {spec.name: spec for spec in own}
    named = len(by_name) == len(own) and all(spec.name in by_name for spec in told)
    pairs = [(spec, by_name[spec.name]) for spec in told] if named else list(zip(told, own, strict=False))
    if len(told) != len(own) or any(not _alike(one, other) for one, other in pairs):
        raise ServeError(
            "ModelRefused",
            f"its {kind} must be those of its signature, {_listed(told)}, found {_listed(own)}: put a signature.json "
            "beside it that belongs to it, or none",
        )
    if not named and len(own) > 1 and not checked:
        raise ServeError(
            "ModelRefused",
            f"its {kind} must have the names of its signature, {_listed(told)}, found {_listed(own)}: several are "
            "paired by position only where check.npz proves it, so use the model's names in signature.json, or export "
            "the model again with its check",
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
