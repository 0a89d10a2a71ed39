"""Errors in a photograph. Each message has the found value, the requirement and the remedy."""


class PhotographError(ValueError):
    """An error of the photograph itself, for which its sender is the cause: the base class of the errors below."""


class InvalidPicture(PhotographError):
    """The data are not a picture in an accepted format, or are damaged or truncated."""


class TooManyPixels(PhotographError):
    """The picture has more pixels than the limit."""


class TooManyDigits(PhotographError):
    """The picture shows more digits or strokes than the limit."""


class NoDigitFound(PhotographError):
    """The picture shows no digit that can be found."""
