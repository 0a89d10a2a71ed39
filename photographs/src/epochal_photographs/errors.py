"""What is wrong with a photograph. Each message says what was found, what must hold, and what to do."""


class PhotographError(ValueError):
    """Something is wrong with a photograph."""


class NotAPicture(PhotographError):
    """It is no picture of a format that is read, or it is damaged or cut off."""


class TooManyPixels(PhotographError):
    """It has more pixels than are decoded."""


class TooMany(PhotographError):
    """More digits are found on it than are read."""


class NothingFound(PhotographError):
    """No digit is found on it."""
