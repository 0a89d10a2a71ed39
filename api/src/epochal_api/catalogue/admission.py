"""Generates variables of the chart's ValidatingAdmissionPolicy: python -m epochal_api.catalogue.admission FILE.

The variables hold the catalogue of Keras classes, and the remedies of `hints`, as CEL. The rules of the policy are in
the chart's templates/keraspolicy.yaml.
"""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from textwrap import indent

from epochal_api.catalogue.classes import LAYERS, KerasClass, KerasModule, catalogue
from epochal_api.catalogue.hints import MISTAKEN_CLASSES, REMOVED_ARGUMENTS, RENAMED_ARGUMENTS, class_hint
from epochal_api.catalogue.objects import EXPECTED, NAMED
from epochal_api.model import cel_text
from epochal_api.trainingjob.network import MAX_LAYERS

_LETTERS: Mapping[str, str] = {
    "activation": "a",
    "boolean": "b",
    "constraint": "c",
    "dtype": "d",
    "initializer": "k",
    "integer": "i",
    "integers": "I",
    "layer": "y",
    "list": "l",
    "number": "n",
    "numbers": "N",
    "optimizer": "o",
    "regularizer": "r",
    "schedule": "h",
    "string": "s",
}
"""The letter of each argument type in the policy. "-" stands for an argument that has no type or is loose."""
_NOT_TEXT = ("integer", "integers", "number", "numbers", "schedule", "list", "layer", "optimizer")
"""Types of arguments that cannot be text."""
_MODULES_OF_OBJECTS: Mapping[str, str] = {
    "constraint": "keras.constraints",
    "dtype": "keras.dtype_policies",
    "initializer": "keras.initializers",
    "optimizer": "keras.optimizers",
    "regularizer": "keras.regularizers",
    "schedule": "keras.optimizers.schedules",
}
"""The module of CLASS in {name: CLASS, …}, by the type of the argument."""


def variables() -> Mapping[str, str]:
    """Return the policy's variables: the CEL expression of each by its name."""
    modules = catalogue().modules
    return {
        # POSITION LETTER of each argument. CEL has no order of the keys of a map.
        "catalogue": _by_module((name, _classes(module)) for name, module in modules.items()),
        "required": _by_module((name, _required(module)) for name, module in modules.items()),
        "refused": _by_module((name, _refused(module)) for name, module in modules.items()),
        # The class of a short name or of another name; "" if it is a function.
        "names": _by_module((name, _names(module)) for name, module in modules.items()),
        # The remedies by names in lower case without "_".
        "classHints": _by_module((name, _class_hints(name)) for name in modules),
        "removed": _map({name: cel_text(hint) for name, hint in REMOVED_ARGUMENTS.items()}),
        "renamed": _map({name: cel_text(now) for name, now in RENAMED_ARGUMENTS.items()}),
        "expected": _map({_LETTERS[kind]: cel_text(EXPECTED[kind]) for kind in _NOT_TEXT}),
        "textModules": _map({_LETTERS[kind]: cel_text(name) for kind, name in NAMED.items()}),
        "objectModules": _map({_LETTERS[kind]: cel_text(name) for kind, name in _MODULES_OF_OBJECTS.items()}),
        # A comprehension of CEL over a list gives no positions.
        "few": _list(str(number) for number in range(32)),
        "many": _list(str(number) for number in range(MAX_LAYERS)),
    }


def _classes(module: KerasModule) -> Mapping[str, str]:
    return {name: _map(_arguments(each)) for name, each in module.classes.items() if not (each.alias or each.refused)}


def _arguments(each: KerasClass) -> Mapping[str, str]:
    # Keras may accept a text in a loose argument.
    return {
        name: cel_text(f"{position:02}{'-' if argument.loose else _LETTERS.get(argument.type or '', '-')}")
        for position, (name, argument) in enumerate(each.arguments.items())
    }


def _required(module: KerasModule) -> Mapping[str, str]:
    found = {
        name: [argument for argument, description in each.arguments.items() if description.required]
        for name, each in module.classes.items()
    }
    return {name: _list(map(cel_text, arguments)) for name, arguments in found.items() if arguments}


def _refused(module: KerasModule) -> Mapping[str, str]:
    return {name: cel_text(each.refused) for name, each in module.classes.items() if each.refused}


def _names(module: KerasModule) -> Mapping[str, str]:
    aliases = {name: each.alias for name, each in module.classes.items() if each.alias}
    return {name: cel_text(kind or "") for name, kind in {**module.names, **aliases}.items()}


def _class_hints(module: str) -> Mapping[str, str]:
    content = catalogue().modules[module]
    refused = {name for name, each in content.classes.items() if each.refused}
    usable = {_plain(name): name for name, kind in content.names.items() if kind not in refused}
    usable |= {_plain(name): name for name in content.classes if name not in refused}
    hints = {plain: f"did you mean {name}?" for plain, name in usable.items()}
    mistaken = [*MISTAKEN_CLASSES.get(module, ())]
    if module == LAYERS:
        mistaken += catalogue().modules["keras.activations"].names
    for name in mistaken:
        hints.setdefault(_plain(name), class_hint(module, name))
    return {plain: cel_text(hint) for plain, hint in sorted(hints.items())}


def _plain(name: str) -> str:
    return name.lower().replace("_", "")


def _list(items: Iterable[str]) -> str:
    return f"[{','.join(items)}]"


def _map(items: Mapping[str, str], separator: str = ",") -> str:
    return "{" + separator.join(f"{cel_text(key)}:{value}" for key, value in items.items()) + "}"


def _by_module(items: Iterable[tuple[str, Mapping[str, str]]]) -> str:
    """Return a CEL map, by module, of maps with a line for each class, so that a diff shows the changed class."""
    return _map({name: _map(content, ",\n") for name, content in items if content}, ",\n")


def to_yaml() -> str:
    """Return the variables as YAML, for spec.variables of a ValidatingAdmissionPolicy."""
    content = (
        f"- name: {name}\n  expression: |-\n{indent(expression, '    ')}\n" for name, expression in variables().items()
    )
    return "# Generated by `make manifests`: the constants of templates/keraspolicy.yaml.\n" + "".join(content)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(to_yaml(), encoding="utf-8")
