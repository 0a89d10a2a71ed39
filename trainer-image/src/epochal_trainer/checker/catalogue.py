"""The catalogue of Keras' classes with Keras' docstrings, which an editor of networks shows."""

import gzip
import inspect
import json
from functools import reduce

import keras
from epochal_api.catalogue.classes import document


def documented_catalogue() -> bytes:
    """Return the catalogue with the docstrings of all classes and functions, compressed JSON.

    Each module has a further field `docs`: the docstrings by the names in `classes` and `names`.
    """
    modules = {}
    for path, module in document()["modules"].items():
        of_keras = reduce(getattr, path.split(".")[1:], keras)
        found = {name: getattr(of_keras, name, None) for name in sorted({*module["classes"], *module["names"]})}
        docs = {name: text for name, thing in found.items() if thing and (text := inspect.getdoc(thing))}
        modules[path] = {**module, "docs": docs}
    return gzip.compress(json.dumps({**document(), "modules": modules}).encode(), mtime=0)
