"""Combines Studio's own checks of a document, which need no Keras, with the answer of the checker."""

from collections.abc import Iterator, Sequence

from epochal_api.checker import Answer
from epochal_api.text import printable

from epochal_studio.networks.examine import Examined
from epochal_studio.wire.common import Problem
from epochal_studio.wire.networks import Checked, DocumentProblem, LayerShapes

MAX_PROBLEMS = 200
_MAX_MESSAGE = 1000


def without_answer(examined: Examined, problem: Problem | None) -> Checked:
    """Return the result of a check without the checker: problems, but no shapes.

    Args:
        examined: The problems that Studio found without Keras.
        problem: Why the checker has not answered.
    """
    return Checked(problems=_bounded(examined.problems), layers=[], parameters=None, is_built=False, problem=problem)


def with_answer(examined: Examined, answer: Answer) -> Checked:
    """Return the result of a check with the checker's answer: problems and shapes.

    In an Experiment, errors of shapes are reported only for layers before the first layer that a parameter changes,
    because all trials have these errors.
    """
    shapes = [
        LayerShapes(index=layer.index, outputs=layer.outputs, parameters=layer.parameters)
        for layer in sorted(answer.layers, key=lambda layer: layer.index)
    ]
    found = [*examined.problems, *_shape_problems(examined, answer)]
    return Checked(problems=_bounded(found), layers=shapes, parameters=answer.parameters, is_built=True)


def _shape_problems(examined: Examined, answer: Answer) -> Iterator[DocumentProblem]:
    known, end = {problem.layer for problem in examined.problems if not problem.is_warning}, examined.first_searched
    for layer in answer.layers:
        if layer.error is None or layer.index in known or (end is not None and layer.index >= end):
            continue
        # The error begins with the path, the class and the name of the layer.
        error = _line(layer.error)
        message = error.partition(": ")[2] or error
        yield DocumentProblem(path=f"{examined.network}.layers[{layer.index}]", message=message, layer=layer.index)
    if end is None:
        for error in answer.errors:
            yield DocumentProblem(path=examined.network, message=_line(error))


def _bounded(problems: Sequence[DocumentProblem]) -> list[DocumentProblem]:
    """Return at most MAX_PROBLEMS problems. If there are more, the last item has the number of the omitted problems."""
    if len(problems) <= MAX_PROBLEMS:
        return list(problems)
    kept = list(problems[: MAX_PROBLEMS - 1])
    more = len(problems) - len(kept)
    return [*kept, DocumentProblem(path="", message=f"{more:,} more problems: correct the others first")]


def _line(text: str) -> str:
    return printable(" ".join(text.split()))[:_MAX_MESSAGE]
