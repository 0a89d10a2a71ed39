"""Messages about arrays that a training cannot read. The trainer uses the same sentences in the status of a job."""

from epochal_api.text import printable

_MUST = "it must hold booleans, integers or floats of at most 64 bits"
_FEATURES = (
    'Convert a table with columns of text or of mixed types with x = pandas.get_dummies(table).to_numpy("f4"); for '
    "texts that the network reads itself, write dtype: string for the input, and save numpy.array(texts, dtype=str)"
)
_LABELS = "Convert class names to class indices with names, y = numpy.unique(y, return_inverse=True)"
_OBJECTS = "Python objects"
_MAX_NAME = 200


def unreadable_elements(name: str, words: str) -> str:
    """Return the message for an array with elements that a training cannot read, and how to convert the array.

    Args:
        name: Name of the array.
        words: Name of the array's elements, such as `Python objects`.
    """
    advice = f". {_FEATURES}. {_LABELS}" if words == _OBJECTS else ""
    return f"{shown_name(name)} holds {words}: {_MUST}{advice}"


def no_header(name: str) -> str:
    """Return the message for a file, or an entry of an npz file, without the header of an npy array."""
    return f"{shown_name(name)} does not begin with the header of an array"


def shown_name(name: str) -> str:
    """Return the name of an array without control characters; "The file" for an empty name."""
    return printable(name[:_MAX_NAME], instead=" ") or "The file"
