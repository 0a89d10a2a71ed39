"""The result of a check: the problems that need no Keras, with the answer of the checker."""

from collections.abc import Iterator, Sequence

from epochal_api.checker import Answer
from epochal_api.text import printable

from epochal_studio.networks.examine import Examined
from epochal_studio.wire import Checked, DocumentProblem, LayerShapes, Problem

MAX_PROBLEMS = 200
_MAX_MESSAGE = 1000


def without_answer(examined: Examined, problem: Problem | None) -> Checked:
    """Return the result without an answer of the checker, and why there is none."""
    return Checked(problems=_bounded(examined.problems), layers=[], parameters=None, is_built=False, problem=problem)


def with_answer(examined: Examined, answer: Answer) -> Checked:
    """Return the result with an answer of the checker.

    In an Experiment, an error counts only if all trials have it: of a layer above the first that a parameter changes.
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
    """Return the first problems, the last of them with the number of the others."""
    if len(problems) <= MAX_PROBLEMS:
        return list(problems)
    kept = list(problems[: MAX_PROBLEMS - 1])
    more = len(problems) - len(kept)
    return [*kept, DocumentProblem(path="", message=f"{more:,} more problems: correct the others first")]


def _line(text: str) -> str:
    return printable(" ".join(text.split()))[:_MAX_MESSAGE]
