"""The error for a part of a TrainingJob that has no counterpart in the code of a target."""

from collections.abc import Sequence

from epochal.errors import EpochalError


def unsupported(place: str, found: str, target: str, remedy: str = "", *, targets: Sequence[str] = ()) -> EpochalError:
    """Return the error for a part of a TrainingJob without a counterpart.

    Args:
        place: The field of the spec, such as spec.network.layers[3] (LSTM).
        found: The reason, as the end of a sentence.
        target: The target.
        remedy: What to do.
        targets: The targets that have a counterpart.
    """
    others = f"The targets {', '.join(targets)} have it." if targets else ""
    return EpochalError(f"cannot export to {target}: {place}: {found}", " ".join(filter(None, (remedy, others))))
