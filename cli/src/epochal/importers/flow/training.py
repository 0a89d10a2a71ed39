"""Converts the nodes of a flow for losses, metrics and the optimizer."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from epochal_api.catalogue.classes import LOSSES, METRICS, catalogue
from epochal_api.suggestions import did_you_mean

from epochal.errors import EpochalError
from epochal.importers import losses, optimizers
from epochal.importers.draft import Draft
from epochal.importers.flow.document import Node
from epochal.importers.losses import LastLayer
from epochal.importers.reading import shown

LOSS, METRIC, OPTIMIZER = "loss", "metric", "optimizer"
_CROSSENTROPIES: Mapping[str, bool] = {
    "binarycrossentropy": True,
    "categoricalcrossentropy": False,
    "crossentropy": False,
    "multinomiallogistic": False,
    "sigmoidcrossentropy": True,
    "softmaxcrossentropy": False,
    "softmax": False,
    "sparsecategoricalcrossentropy": False,
    "sparsesoftmaxcrossentropy": False,
    "softmaxcrossentropywithlogits": False,
    "sigmoidcrossentropywithlogits": True,
}
"""Crossentropy losses, and whether a loss is binary, for outputs with a sigmoid."""
_LOSSES: Mapping[str, str] = {
    "absolutedifference": "MeanAbsoluteError",
    "euclidean": "MeanSquaredError",
    "hingel1": "Hinge",
    "kullbackleiblerdivergence": "KLDivergence",
    "l1": "MeanAbsoluteError",
    "l2": "MeanSquaredError",
    "meanabsolute": "MeanAbsoluteError",
    "meansquare": "MeanSquaredError",
    "meansquared": "MeanSquaredError",
    "meansquareerror": "MeanSquaredError",
}
_METRICS: Mapping[str, str] = {
    "binaryaccuracy": "accuracy",
    "categoricalaccuracy": "accuracy",
    "sparsecategoricalaccuracy": "accuracy",
    "top5accuracy": "SparseTopKCategoricalAccuracy",
    "topkaccuracy": "SparseTopKCategoricalAccuracy",
    "topkcategoricalaccuracy": "SparseTopKCategoricalAccuracy",
}


def convert_loss(node: Node, last: LastLayer, draft: Draft) -> str | dict[str, Any]:
    """Return the Keras loss for a loss node. A crossentropy is chosen by the last layer, with a warning if it differs.

    Args:
        node: The node of the loss.
        last: Activation and number of units of the output.
        draft: Gets the warnings.

    Raises:
        EpochalError: If the operation is unknown.
    """
    for name, value in node.parameters.items():
        if value not in (None, "", "null", 1, "1", False, 0, "0"):
            draft.warn(
                node.label,
                f"{shown(name)} is {shown(value)}: the import converts no arguments of a loss, so this value is lost",
            )
    name = _normalized(node)
    if name in _CROSSENTROPIES:
        chosen = losses.crossentropy_for(last, is_binary=_CROSSENTROPIES[name])
        if chosen.reason:
            loss = chosen.loss if isinstance(chosen.loss, str) else f"{chosen.loss['name']} with from_logits"
            draft.warn(node.label, f"{chosen.reason}: the loss is {loss}")
        return chosen.loss
    known = {key.lower(): key for key, each in catalogue().modules[LOSSES].classes.items() if not each.refused}
    if found := _LOSSES.get(name) or known.get(name) or known.get(f"{name}error"):
        return found
    if name in catalogue().modules[LOSSES].names:
        return name
    raise _unknown(node, [*_CROSSENTROPIES, *_LOSSES, *known])


def convert_metrics(nodes: Sequence[Node], loss: str | dict[str, Any]) -> list[str | dict[str, Any]]:
    """Return the Keras metrics for metric nodes, without duplicates.

    Raises:
        EpochalError: If an operation is unknown.
    """
    metrics: list[str | dict[str, Any]] = []
    known = {key.lower(): key for key, each in catalogue().modules[METRICS].classes.items() if not each.refused}
    for node in nodes:
        name = _normalized(node)
        found: str | dict[str, Any] | None = _METRICS.get(name) or (
            "accuracy" if name == "accuracy" else known.get(name)
        )
        if found is None:
            raise _unknown(node, [*_METRICS, *known])
        if found == "accuracy" and isinstance(loss, dict) and loss["name"] == losses.BINARY:
            found = {"name": "BinaryAccuracy", "threshold": 0}  # The outputs are logits.
        if found not in metrics:
            metrics.append(found)
    return metrics


def convert_optimizer(node: Node, draft: Draft) -> str | dict[str, Any]:
    """Return the Keras optimizer for an optimizer node. The draft gets a warning for each lost parameter.

    Raises:
        EpochalError: If the operation is unknown.
    """
    name = _normalized(node)
    kind = optimizers.class_of(name)
    if kind is None:
        raise EpochalError(f"{node.label}: keras.optimizers has no {shown(node.op)}", optimizers.hint(name))
    converted = optimizers.convert_optimizer(kind, node.parameters)
    for key, reason in converted.lost.items():
        draft.warn(node.label, f"{shown(key)} is {shown(node.parameters[key])}: {reason}, so this value is lost")
    return converted.spec


def _normalized(node: Node) -> str:
    name = re.sub(r"[^a-z0-9]", "", node.op.rpartition(".")[2].lower())
    return name.removesuffix("loss") or name if node.category == LOSS else name


def _unknown(node: Node, known: Sequence[str]) -> EpochalError:
    hint = did_you_mean(_normalized(node)[:40], known)
    return EpochalError(
        f"{node.label}: the operation {shown(node.op)} matches no {node.category} of Keras", hint.capitalize()
    )
