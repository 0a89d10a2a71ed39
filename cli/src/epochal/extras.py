"""The optional packages of the command, such as the trainer with Keras."""

from importlib.util import find_spec

from epochal.errors import EpochalError

_INSTALL_TRAINER = (
    "Use `uv run epochal` in a clone of Epochal, or install the wheels of epochal-trainer, as in docs/command.md."
)
"""No `pip install NAME`: the packages of Epochal are on no index, so pip would install a foreign package."""


def require_trainer(purpose: str) -> None:
    """Require that the package epochal-trainer is installed; do not import it.

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
