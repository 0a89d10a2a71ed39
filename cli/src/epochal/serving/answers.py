"""Formats the outputs of a served model as cells of a table and as JSON values."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from epochal_api.text import printable

from epochal.serving.tensors import Tensor

TOP = 3
"""Maximum number of classes in a cell: those with the highest probabilities."""
_MAX_VALUES = 8


def plain(outputs: Mapping[str, np.ndarray], tensors: Sequence[Tensor], row: int) -> dict[str, Any]:
    """Return the outputs of the sample at index `row` as JSON in a field `outputs`. NaN and infinity become null."""
    known = {tensor.name: tensor for tensor in tensors}
    content: dict[str, Any] = {}
    for name, array in outputs.items():
        answer: dict[str, Any] = {"values": _finite(array[row].tolist())}
        if (tensor := known.get(name)) is not None and (best := top_classes(array[row], tensor, 1)):
            index, value = best[0]
            answer |= {"class": index, tensor.class_values or "score": value}
            if tensor.classes is not None and index < len(tensor.classes):
                answer["name"] = tensor.classes[index]
        content[name] = answer
    return {"outputs": content}


def cells(outputs: Mapping[str, np.ndarray], tensors: Sequence[Tensor], row: int) -> list[str]:
    """Return a cell for each output of the sample at index `row`: the most probable classes, or the numbers."""
    texts = []
    for tensor in tensors:
        values = outputs[tensor.name][row]
        best = top_classes(values, tensor, TOP)
        texts.append(", ".join(_class(tensor, *each) for each in best) if best else _numbers(values))
    return texts


def top_classes(values: np.ndarray, tensor: Tensor, count: int) -> list[tuple[int, float]]:
    """Return the indices of the `count` classes with the highest values, and these values, the highest first.

    The list is empty if the output has no classes, or a value is NaN. An output with a single value p has two classes
    with the values 1 - p and p.
    """
    if tensor.class_values is None or values.ndim != 1 or values.dtype.kind not in "fiu":
        return []
    numbers = values.astype(np.float64)
    if np.isnan(numbers).any():
        return []
    if len(numbers) == 1:
        numbers = np.array([1 - numbers[0], numbers[0]])
    return [(int(index), float(numbers[index])) for index in np.argsort(-numbers, kind="stable")[:count]]


def photograph_cell(answer: Any) -> str:
    """Return a cell for the answer of one output to a photograph: the most probable classes, or the numbers."""
    top = answer.get("top") if isinstance(answer, Mapping) else None
    if isinstance(top, list) and top:
        return ", ".join(
            _named(str(each.get("name") or each.get("class")), each.get("probability", each.get("score")))
            for each in top[:TOP]
            if isinstance(each, Mapping)
        )
    if isinstance(answer, list) and answer:
        return _numbers(np.array(answer, dtype=np.float64))
    return printable(str(answer), instead=" ")[:200]


def _class(tensor: Tensor, index: int, value: float) -> str:
    names = tensor.classes
    return _named(names[index] if names is not None and index < len(names) else str(index), value)


def _named(name: str, value: object) -> str:
    number = f" {value:.3f}" if isinstance(value, int | float) else ""
    return f"{printable(name, instead=' ')}{number}"


def _numbers(values: np.ndarray) -> str:
    flat = values.reshape(-1)
    shown = [str(value) if values.dtype.kind in "Ub" else f"{value:.5g}" for value in flat[:_MAX_VALUES]]
    more = f" … ({flat.size} values)" if flat.size > _MAX_VALUES else ""
    return printable(" ".join(shown), instead=" ") + more


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
