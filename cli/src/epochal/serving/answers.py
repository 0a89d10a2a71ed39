"""Answers of a served model, as rows of a table and as plain values."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from epochal_api.text import printable

from epochal.serving.tensors import Tensor

TOP = 3
"""Number of classes in a cell."""
_MAX_VALUES = 8


def plain(outputs: Mapping[str, np.ndarray], tensors: Sequence[Tensor], row: int) -> dict[str, Any]:
    """Return the outputs of a sample in the field `outputs`, ready for JSON. NaN and infinity are null."""
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
    """Return a cell for each output of a sample: its most probable classes, or its numbers."""
    texts = []
    for tensor in tensors:
        values = outputs[tensor.name][row]
        best = top_classes(values, tensor, TOP)
        texts.append(", ".join(_class(tensor, *each) for each in best) if best else _numbers(values))
    return texts


def top_classes(values: np.ndarray, tensor: Tensor, count: int) -> list[tuple[int, float]]:
    """Return the classes with the highest values and these values, the highest first.

    It is empty if the output has no classes, or a value is NaN. A single probability is that of the second class.
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
    """Return the answer of an output to a photograph: its most probable classes, or its numbers."""
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
