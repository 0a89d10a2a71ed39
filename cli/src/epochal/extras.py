"""The optional packages of the command, such as the trainer with Keras."""

from importlib.util import find_spec

from epochal.errors import EpochalError


def require_trainer(purpose: str) -> None:
    """Check that epochal[train] is installed. It imports no trainer.

    Args:
        purpose: The option or command that needs the trainer, as the subject of a sentence.

    Raises:
        EpochalError: If it is not installed.
    """
    if find_spec("epochal_trainer") is None:
        raise EpochalError(
            f"{purpose} needs Keras and the trainer of Epochal, which are not installed",
            "Install them: pip install 'epochal[train]'",
        )
