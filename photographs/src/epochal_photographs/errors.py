"""Errors in a photograph. Each message has the value found, the requirement, and the remedy."""


class PhotographError(ValueError):
    """The base class of errors in a photograph."""


class NotAPicture(PhotographError):
    """The data are not a picture in an accepted format, or are damaged or truncated."""


class TooManyPixels(PhotographError):
    """The picture has more pixels than the limit."""


class TooMany(PhotographError):
    """The picture shows more digits or strokes than the limit."""


class NothingFound(PhotographError):
    """The picture shows no digit that can be found."""
