"""The problems of a document together with the answer of the checker."""

from typing import Any

from epochal_api.checker import Answer
from epochal_studio.networks.conclude import MAX_PROBLEMS, with_answer, without_answer
from epochal_studio.networks.examine import Examined
from epochal_studio.wire.common import Problem
from epochal_studio.wire.networks import DocumentProblem

PATH = "spec.network.layers[{}]"


def answer(*layers: Any, errors: tuple[str, ...] = ()) -> Answer:
    return Answer.model_validate({"layers": layers, "errors": errors, "parameters": 7})


def layer(index: int, **fields: Any) -> dict[str, Any]:
    return {"index": index, "layer": "Dense", "name": f"dense_{index}", **fields}


def wrong(index: int) -> dict[str, Any]:
    return layer(index, error=f"{PATH.format(index)} (Dense, 'dense') got (None, 2):\n  too\x1b small")


def test_shapes_and_errors_at_their_layers() -> None:
    found = with_answer(Examined([]), answer(wrong(1), layer(0, outputs=[[8, -1]], parameters=7), layer(2)))
    assert [(each.index, each.outputs, each.parameters) for each in found.layers] == [
        (0, [[8, -1]], 7),
        (1, [], None),
        (2, [], None),
    ]
    (problem,) = found.problems
    assert (problem.path, problem.layer, problem.is_warning) == (PATH.format(1), 1, False)
    assert problem.message == r"too\x1b small"
    assert (found.parameters, found.is_built, found.problem) == (7, True, None)


def test_a_layer_with_a_known_problem_has_no_second_one() -> None:
    known = DocumentProblem(path=f"{PATH.format(1)}.units", message="must be an integer", layer=1)
    found = with_answer(Examined([known]), answer(wrong(1), wrong(3)))
    assert [problem.layer for problem in found.problems] == [1, 3]
    warning = known.model_copy(update={"is_warning": True})
    assert len(with_answer(Examined([warning]), answer(wrong(1))).problems) == 2


def test_in_an_experiment_an_error_counts_if_all_trials_have_it() -> None:
    of_all = answer(wrong(0), wrong(2), errors=("the output has several tensors",))
    examined = Examined([], network="spec.template.spec.network", first_searched=1)
    assert [problem.path for problem in with_answer(examined, of_all).problems] == [
        "spec.template.spec.network.layers[0]"
    ]
    unsearched = Examined([], network="spec.template.spec.network")
    assert [problem.layer for problem in with_answer(unsearched, of_all).problems] == [0, 2, None]


def test_problems_are_bounded() -> None:
    found = with_answer(Examined([]), answer(*[wrong(index) for index in range(1000)]))
    assert len(found.problems) == MAX_PROBLEMS
    assert found.problems[-1].message.startswith("801 more problems")
    assert max(len(problem.message) for problem in found.problems) <= 1000


def test_without_an_answer() -> None:
    known, problem = DocumentProblem(path="spec.data", message="is required"), Problem(reason="NoChecker", message="no")
    found = without_answer(Examined([known]), problem)
    assert (found.problems, found.layers, found.parameters) == ([known], [], None)
    assert (found.is_built, found.problem) == (False, problem)
