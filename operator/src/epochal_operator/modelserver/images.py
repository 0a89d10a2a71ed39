"""The condition ImagesSuitable: whether the conversion of photographs (`spec.images`) suits the served model."""

from typing import NamedTuple

from epochal_api.modelserver.config import ImageMode
from epochal_api.modelserver.status import ServedModel

from epochal_operator.modelserver.reasons import Reason, StatusCause
from epochal_operator.runtime.conditions import ConditionStatus

MNIST_SIZE = (28, 28)
"""Height and width of the images of MNIST, in pixels."""
_GRAY, _RGB = 1, 3


class ImagesSuitable(NamedTuple):
    """The status and the cause of the condition."""

    status: ConditionStatus
    cause: StatusCause


def images_suitable(mode: ImageMode, model: ServedModel | None) -> ImagesSuitable | None:
    """Return the condition ImagesSuitable, or None if `mode` is "None" or the image size of the model is unknown.

    Args:
        mode: The spec.images.mode.
        model: The current model, with the inputs that its pods report.
    """
    shape = _image_shape(model)
    if mode == "None" or shape is None:
        return None
    height, width, channels = shape
    if mode == "Digit" and (height, width) != MNIST_SIZE:
        message = (
            "spec.images.mode: Digit converts photographs to the form of MNIST, 28 × 28 pixels, but the model takes "
            f"images of {height} × {width} pixels, so its answers may be wrong. Set Resize, and send pictures like "
            "those of the training data; or train the model with images of 28 × 28 pixels in the form of MNIST."
        )
        return ImagesSuitable("False", StatusCause(Reason.NOT_THE_SIZE_OF_MNIST, message))
    if mode == "Resize" and channels == _GRAY:
        message = (
            "spec.images.mode: Resize does not invert photographs, and the model takes gray images: a server cannot "
            "know the background of its training data. If the training images are light on dark, invert photographs "
            "that are dark on light before you send them. For handwritten digits in the form of MNIST set Digit."
        )
        return ImagesSuitable("Unknown", StatusCause(Reason.BACKGROUND_UNKNOWN, message))
    return ImagesSuitable("True", StatusCause(Reason.SUITABLE, ""))


def _image_shape(model: ServedModel | None) -> tuple[int, int, int] | None:
    """Return (height, width, channels) if the model's only input is a gray or RGB image of a fixed size, else None."""
    match model and model.inputs:
        case [tensor]:
            shape = tensor.shape
        case _:
            return None
    is_image = len(shape) == len(("height", "width", "channels")) and min(shape) > 0 and shape[2] in (_GRAY, _RGB)
    return (shape[0], shape[1], shape[2]) if is_image else None
