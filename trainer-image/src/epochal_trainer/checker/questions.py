"""Limits of the size and depth of a question, and digests to find the first layers that it shares with another."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from epochal_api.checker import MAX_QUESTION_BYTES
from epochal_api.trainingjob.spec import MAX_SPEC_DEPTH

_MAX_DEPTH = MAX_SPEC_DEPTH + 1  # the question around spec.network


class BadQuestion(ValueError):
    """The error for a question that is no JSON object with a network, too large, or nested too deep."""


def layer_digests(question: bytes) -> list[bytes]:
    """Return a digest for each layer of a question, computed from this layer, all layers before, inputs and precision.

    If two questions have equal digests for a layer, they have the same layers up to this layer.

    Args:
        question: A network to check, as JSON: an epochal_api.checker.Question.

    Raises:
        BadQuestion: If the question is no JSON object, too large, or nested too deep.
    """
    if len(question) > MAX_QUESTION_BYTES:
        raise BadQuestion(f"the question must have at most {MAX_QUESTION_BYTES:,} bytes, found {len(question):,}")
    try:
        document = json.loads(question)
    except (ValueError, RecursionError) as error:
        raise BadQuestion(f"the question must be JSON, found {str(error) or 'an error'}") from None
    if not isinstance(document, dict) or not isinstance(network := document.get("network"), dict):
        raise BadQuestion("the question must be an object with the field network, an object like spec.network")
    _check_depth(document)
    layers = network.get("layers")
    rest = {name: value for name, value in network.items() if name not in {"layers", "outputs"}}
    digest = hashlib.sha256(_canonical({**document, "network": rest}))
    digests = []
    for layer in layers if isinstance(layers, list) else []:
        digest.update(_canonical(layer))
        digests.append(digest.digest())
    return digests


def _check_depth(document: Any) -> None:
    level = [document]
    for _ in range(_MAX_DEPTH):
        containers = (node.values() if isinstance(node, Mapping) else node for node in level)
        level = [child for nodes in containers for child in nodes if isinstance(child, Mapping | list)]
        if not level:
            return
    raise BadQuestion(f"the network must have at most {MAX_SPEC_DEPTH} levels of lists and objects: use fewer levels")


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"
