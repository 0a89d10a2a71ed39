"""Sentences about arrays that no training can read, as the trainer writes them into the status of a job."""

from epochal_api.text import printable

_MUST = "it must hold booleans, integers or floats of at most 64 bits"
_FEATURES = (
    'Convert a table with columns of text or of mixed types with x = pandas.get_dummies(table).to_numpy("f4"); for '
    "texts that the network reads itself, write dtype: string for the input, and save numpy.array(texts, dtype=str)"
)
_LABELS = "Convert class names to class indices with names, y = numpy.unique(y, return_inverse=True)"
_OBJECTS = "Python objects"
_MAX_NAME = 200


def must_hold(name: str, words: str) -> str:
    """Return why a training cannot read an array.

    Args:
        name: Name of the array.
        words: Its elements, such as `Python objects`.
    """
    advice = f". {_FEATURES}. {_LABELS}" if words == _OBJECTS else ""
    return f"{shown_name(name)} holds {words}: {_MUST}{advice}"


def no_header(name: str) -> str:
    """Return the problem of a file that is no array."""
    return f"{shown_name(name)} does not begin with the header of an array"


def shown_name(name: str) -> str:
    """Return the name of an array as text of one line."""
    return printable(name[:_MAX_NAME], instead=" ") or "The file"
