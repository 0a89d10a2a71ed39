"""Checks whether optional packages are installed, such as epochal-trainer with Keras."""

from importlib.util import find_spec

from epochal.errors import EpochalError

_INSTALL_TRAINER = (
    "Use `uv run epochal` in a clone of Epochal, or install the wheels of epochal-trainer, as in docs/command.md."
)
"""This remedy has no `pip install`: Epochal's packages are on no index, so pip could install a foreign package."""


def require_trainer(purpose: str) -> None:
    """Raise an error unless the package epochal-trainer is installed. The package is not imported.

    Args:
        purpose: The option or command that needs the trainer, as the subject of a sentence.

    Raises:
        EpochalError: If the package is not installed.
    """
    if find_spec("epochal_trainer") is None:
        raise EpochalError(
            f"{purpose} needs Keras and the trainer of Epochal, which are not installed",
            _INSTALL_TRAINER,
        )
