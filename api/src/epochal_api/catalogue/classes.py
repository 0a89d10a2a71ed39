"""The catalogue of the classes that a TrainingJob may name: catalogue.json, generated from Keras by `make manifests`.

For each module of Keras it holds `names`, the short names that the module accepts, each with its class or null for a
function, and `classes`. A class has one of

- `refused`: the reason why a TrainingJob cannot use it;
- `alias`: the class of which it is another name;
- `group` (its heading in Studio's palette), `arguments` in Keras' order, and `adapted`: the argument without which the
  layer is adapted to the training data before the training, as with Keras' adapt().

An argument has `required: true` or a `default`; a `type` if name, default and docstring agree; `loose: true` if Keras
uses it in some cases only, and so may accept another type; and `float: true` if integers in it are read as floats,
because the API server writes 0.0 as 0. Keras refuses a text for a number that is not loose. The types:

- `integer`, `number`, `boolean`, `string`;
- `integers`, `numbers`: a number, or a list of numbers, perhaps of lists;
- `list`: a list;
- `layer`: {layer: CLASS, …}, or a list of layers;
- `optimizer`: {name: CLASS, …};
- `schedule`: a number, or {name: CLASS, …} of keras.optimizers.schedules;
- `activation`: a name of keras.activations, or a layer;
- `initializer`, `regularizer`, `constraint`: a name of the module, or {name: CLASS, …};
- `dtype`: a name, or {name: CLASS, …} of keras.dtype_policies.
"""

import json
import re
from collections.abc import Mapping
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from pydantic import ConfigDict, Field

from epochal_api.model import Model

LAYERS, OPTIMIZERS, SCHEDULES = "keras.layers", "keras.optimizers", "keras.optimizers.schedules"
LOSSES, METRICS, CALLBACKS = "keras.losses", "keras.metrics", "keras.callbacks"
FILE = "catalogue.json"
_METRIC_NAMES: Mapping[str, str] = {"FBetaScore": "fbeta_score", "LogCoshError": "logcosh"}
"""Default names of metrics that do not follow from the class name."""


class Argument(Model):
    """An argument of a constructor."""

    model_config = ConfigDict(extra="forbid")

    required: bool = False
    default: Any = None
    type: str | None = None
    loose: bool = False
    takes_floats: bool = Field(default=False, alias="float")


class KerasClass(Model):
    """A class of Keras, or an alias of a class."""

    refused: str | None = None
    alias: str | None = None
    group: str | None = None
    adapted: str | None = None
    arguments: dict[str, Argument] = {}


class KerasModule(Model):
    """A module of Keras."""

    names: dict[str, str | None]
    classes: dict[str, KerasClass]

    def find(self, name: str) -> KerasClass | None:
        """Return the class with a name or an alias, or None if the module has no such class."""
        found = self.classes.get(name)
        return self.classes[found.alias] if found and found.alias else found


class Catalogue(Model):
    """The modules of Keras by name, and the version of Keras."""

    keras: str
    modules: dict[str, KerasModule]

    @cached_property
    def float_names(self) -> frozenset[str]:
        """Names of the arguments for which at least one class has `float: true`."""
        classes = [each for module in self.modules.values() for each in module.classes.values()]
        return frozenset(name for each in classes for name, argument in each.arguments.items() if argument.takes_floats)


def metric_name(class_name: str) -> str:
    """Return the default name of a metric of a class of keras.metrics: snake case, with some exceptions."""
    spaced = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", class_name)
    return _METRIC_NAMES.get(class_name) or re.sub("([a-z])([A-Z])", r"\1_\2", spaced).lower()


@cache
def catalogue() -> Catalogue:
    """Return the catalogue of this version of Epochal."""
    return Catalogue.model_validate(document())


@cache
def document() -> Mapping[str, Any]:
    """Return the content of catalogue.json as plain values."""
    content: Mapping[str, Any] = json.loads((files(__package__) / FILE).read_text(encoding="utf-8"))
    return content
