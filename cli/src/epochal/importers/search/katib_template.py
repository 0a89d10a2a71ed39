"""Reads the template of Katib's trials. Only the names of the program's arguments and its resources are imported."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from epochal_api.model import QUANTITY_PATTERN, quantity_value
from epochal_api.pod import MIN_MEMORY_BYTES

from epochal.importers.draft import Draft
from epochal.importers.reading import mapping, mappings_within, shown

_ARGUMENT = re.compile(r"--?([A-Za-z][A-Za-z0-9_.-]{0,62})[= ]\$\{trialParameters\.([^}]{1,63})\}")
_PLACEHOLDER = re.compile(r"\$\{trialParameters\.([^}]{1,63})\}")
_RESOURCES = frozenset({"cpu", "memory", "ephemeral-storage", "nvidia.com/gpu"})


def read_template(value: Any, draft: Draft) -> dict[str, Sequence[str]]:
    """Return the further names of each hyper-parameter by its name, and set the resources of the TrainingJob.

    Args:
        value: The field trialTemplate.
        draft: Receives the resources, and a warning that the program is not imported.
    """
    template = mapping(value)
    names: dict[str, list[str]] = {}
    references: dict[str, str] = {}
    parameters = template.get("trialParameters")
    for each in parameters if isinstance(parameters, list) else ():
        if isinstance(each, Mapping) and isinstance(each.get("name"), str) and isinstance(each.get("reference"), str):
            names.setdefault(each["reference"], []).append(each["name"])
            references[each["name"]] = each["reference"]
    container = _container(template.get("trialSpec"), str(template.get("primaryContainerName", "")))
    for argument, name in _arguments(container):
        if name in references:
            names[references[name]].append(argument)
    if container is not None:
        image = f"the image {shown(container.get('image'))}" if container.get("image") else "a program"
        draft.warn("trialTemplate", f"the trials run {image}, which cannot be imported: write its network as layers")
        _set_resources(container.get("resources"), draft)
    elif template.keys() - {"trialParameters"}:
        draft.warn("trialTemplate", "the trials run a program, which cannot be imported: write its network as layers")
    return dict(names)


def _container(spec: Any, name: str) -> Mapping[str, Any] | None:
    """Return the container with this name at any depth of a trial's spec, else the first container, or None."""
    first = None
    for value in mappings_within(spec):
        containers = value.get("containers")
        for each in containers if isinstance(containers, list) else ():
            if isinstance(each, Mapping):
                first = first or each
                if each.get("name") == name:
                    return each
    return first


def _arguments(container: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Yield the arguments and environment variables of a container whose value is a trial parameter.

    Each item has the name of the argument or variable, and the name of the trial parameter.
    """
    if container is None:
        return
    parts = [container.get("command"), container.get("args")]
    words = [word for part in parts if isinstance(part, list) for word in part if isinstance(word, str)]
    for found in _ARGUMENT.finditer(" ".join(words)[:100_000]):
        yield found[1], found[2]
    variables = container.get("env")
    for each in variables if isinstance(variables, list) else ():
        if isinstance(each, Mapping) and isinstance(each.get("name"), str):
            for name in _PLACEHOLDER.findall(str(each.get("value"))[:1000]):
                yield each["name"], name


def _set_resources(value: Any, draft: Draft) -> None:
    resources: dict[str, dict[str, str]] = {}
    for kind in ("requests", "limits"):
        for name, amount in mapping(mapping(value).get(kind)).items():
            text = str(amount)
            if name not in _RESOURCES or not re.fullmatch(QUANTITY_PATTERN, text):
                draft.warn("trialTemplate", f"the {kind[:-1]} {shown(str(name))}: {shown(text)} is lost")
            elif (name, kind) == ("memory", "limits") and quantity_value(text) < MIN_MEMORY_BYTES:
                draft.warn(
                    "trialTemplate",
                    f"the memory limit {text} is lost: Keras needs at least {MIN_MEMORY_BYTES // 2**20}Mi",
                )
            else:
                resources.setdefault(kind, {})[name] = text
    if resources:
        draft.spec["resources"] = resources
