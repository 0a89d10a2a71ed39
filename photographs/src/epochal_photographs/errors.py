"""Errors in a photograph. Each message has the found value, the requirement and the remedy."""


class PhotographError(ValueError):
    """The base class of the errors that the sender of a photograph must correct in the photograph."""


class InvalidPicture(PhotographError):
    """The data are not a picture in an accepted format, or are damaged or truncated."""


class TooManyPixels(PhotographError):
    """The picture has more pixels than allowed."""


class TooManyDigits(PhotographError):
    """The picture shows more digits, or more strokes that may belong to digits, than allowed."""


class NoDigitFound(PhotographError):
    """The picture shows no digit that can be found."""
