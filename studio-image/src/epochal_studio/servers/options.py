"""Validates the media type, the query and the API key of a prediction request."""

from collections.abc import Collection, Iterable

from epochal_studio.problems import refuse

PICTURES = frozenset({"image/png", "image/jpeg", "image/webp"})
JSON = "application/json"
TYPES = PICTURES | {JSON}
"""Allowed media types of the body of a prediction."""
MAX_BYTES = 32 * 2**20
"""Maximum bytes of the body of a prediction, even if the ModelServer has a higher limit. Studio streams the body."""
API_KEY = "X-API-Key"
"""The header with the API key of a model server, from the page to Studio, and from Studio to the model server."""
_OPTIONS = ("show", "several")
_VALUES = {"true": True, "1": True, "false": False, "0": False}
_MAX_KEY = 1024


def predict_path(name: str, content_type: str, query: Iterable[tuple[str, str]]) -> str:
    """Return the path and query at the model server for a prediction: /predict for a picture, else Open Inference's.

    Args:
        name: Name of the ModelServer, and of its model.
        content_type: The media type of the body.
        query: Names and values of the query. Only a picture may have options.

    Raises:
        Refusal: 400, if an option is unknown or repeated, or its value is neither true nor false (1 or 0).
    """
    is_picture = content_type in PICTURES
    options = _options(query, _OPTIONS if is_picture else ())
    if not is_picture:
        return f"/v2/models/{name}/infer"
    return "/predict" + (f"?{'&'.join(f'{name}=true' for name in options)}" if options else "")


def read_key(values: Collection[str]) -> dict[str, str]:
    """Return the header X-API-Key for the model server from the user's request; an empty mapping without a key.

    Args:
        values: All values of the header X-API-Key in the user's request.

    Raises:
        Refusal: 400, if there are several keys, or the key is too long or has invalid characters.
    """
    key = "".join(values).strip()
    if len(values) > 1 or len(key) > _MAX_KEY or not (key.isascii() and key.isprintable()):
        raise refuse(400, "Invalid", f"{API_KEY}: must be one key of at most {_MAX_KEY} printable ASCII characters")
    return {API_KEY: key} if key else {}


def _options(query: Iterable[tuple[str, str]], known: Collection[str]) -> list[str]:
    """Return the names of the options in a query that are true.

    Args:
        query: Names and values of the query.
        known: Names of the allowed options.

    Raises:
        Refusal: 400, if an option is unknown or repeated, or its value is invalid.
    """
    found: dict[str, bool] = {}
    for name, value in query:
        if name not in known or name in found:
            expected = f"{' and '.join(known)}, each once" if known else "none for a body in JSON"
            raise refuse(400, "Invalid", f"query: found the parameter {name[:40]!r}, expected {expected}")
        if value not in _VALUES:
            raise refuse(400, "Invalid", f"{name}: must be true or false, found {value[:20]!r}")
        found[name] = _VALUES[value]
    return [name for name, is_true in found.items() if is_true]
