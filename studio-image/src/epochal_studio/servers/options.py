"""The parts of a prediction that its head has: the type of the body, the options in the query, and the key."""

from collections.abc import Collection, Iterable

from epochal_studio.problems import refuse

PICTURES = frozenset({"image/png", "image/jpeg", "image/webp"})
JSON = "application/json"
TYPES = PICTURES | {JSON}
"""Media types of the body of a prediction."""
MAX_BYTES = 32 * 2**20
"""Maximum bytes of the body of a prediction, for any limit of the server. Studio holds only a part of it at a time."""
API_KEY = "X-API-Key"
"""The header with the key of a server, from the page to Studio, and from Studio to the server."""
_OPTIONS = ("show", "several")
_VALUES = {"true": True, "1": True, "false": False, "0": False}
_MAX_KEY = 1024


def predict_path(name: str, content_type: str, query: Iterable[tuple[str, str]]) -> str:
    """Return the path at a server that answers a prediction.

    Args:
        name: Name of the server, and of its model.
        content_type: The media type of the body.
        query: Names and values of the query. Only a picture has options.

    Raises:
        Refusal: 400, if an option is unknown, is there twice, or has another value than true or false.
    """
    is_picture = content_type in PICTURES
    options = _options(query, _OPTIONS if is_picture else ())
    if not is_picture:
        return f"/v2/models/{name}/infer"
    return "/predict" + (f"?{'&'.join(f'{name}=true' for name in options)}" if options else "")


def read_key(values: Collection[str]) -> dict[str, str]:
    """Return the header with the user's key of the server; no header without a key.

    Args:
        values: The values of the header X-API-Key.

    Raises:
        Refusal: 400, if no header can have this key. The message does not contain it.
    """
    key = "".join(values).strip()
    if len(values) > 1 or len(key) > _MAX_KEY or not (key.isascii() and key.isprintable()):
        raise refuse(400, "Invalid", f"{API_KEY}: must be one key of at most {_MAX_KEY} printable ASCII characters")
    return {API_KEY: key} if key else {}


def _options(query: Iterable[tuple[str, str]], known: Collection[str]) -> list[str]:
    """Return the names of the options that are true."""
    found: dict[str, bool] = {}
    for name, value in query:
        if name not in known or name in found:
            expected = f"{' and '.join(known)}, each once" if known else "none for a body in JSON"
            raise refuse(400, "Invalid", f"query: found the parameter {name[:40]!r}, expected {expected}")
        if value not in _VALUES:
            raise refuse(400, "Invalid", f"{name}: must be true or false, found {value[:20]!r}")
        found[name] = _VALUES[value]
    return [name for name, is_true in found.items() if is_true]
