"""Parses the parameters in the query of a URL."""

from collections.abc import Mapping

from epochal_server.refusals import Invalid

_BOOLEANS = {"true": True, "1": True, "": True, "false": False, "0": False}


def boolean(query: Mapping[str, str], name: str) -> bool:
    """Return the boolean value of a query parameter; False if the query does not have the parameter.

    An empty value and `1` mean true, and `0` means false.

    Raises:
        Invalid: If the parameter has another value.
    """
    text = query.get(name, "false").lower()
    if text not in _BOOLEANS:
        raise Invalid(f"{name}: expected true or false, found {text[:40]!r}: send ?{name}=true")
    return _BOOLEANS[text]
