"""The catalogue of Keras' classes and functions with Keras' docstrings, which Studio's editor of networks shows."""

import gzip
import inspect
import json
from functools import reduce

import keras
from epochal_api.catalogue.classes import document


def documented_catalogue() -> bytes:
    """Return the catalogue as gzip-compressed JSON, with the docstrings of all classes and functions.

    Each module of the catalogue gets the field `docs`: docstrings by the names in its fields `classes` and `names`.
    """
    modules = {}
    for path, module in document()["modules"].items():
        of_keras = reduce(getattr, path.split(".")[1:], keras)
        found = {name: getattr(of_keras, name, None) for name in sorted({*module["classes"], *module["names"]})}
        docs = {name: text for name, thing in found.items() if thing and (text := inspect.getdoc(thing))}
        modules[path] = {**module, "docs": docs}
    return gzip.compress(json.dumps({**document(), "modules": modules}).encode(), mtime=0)
