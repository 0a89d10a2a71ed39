"""Experiments whose template has a network that cannot be built."""

from typing import Any

from epochal_operator.checker.verdict import UNANSWERED_SECONDS, NetworkError, NoVerdict, Verdict

from tests.unit.operator.checker.checkers import TOO_SMALL, WRONG, FixedChecker
from tests.unit.operator.experiment.cluster import KEY, Cluster

UNITS = {"name": "units", "paths": ["network.layers[1].units"], "int": {"min": 4, "max": 8}}


def checked(answer: Verdict | NoVerdict, **changes: Any) -> tuple[Cluster, FixedChecker]:
    cluster = Cluster(**changes)
    return cluster, upgrade(cluster, answer)


def upgrade(cluster: Cluster, answer: Verdict | NoVerdict) -> FixedChecker:
    """Start a new operator with a new checker."""
    cluster.restart_operator()
    cluster.reconciler._checker = checker = FixedChecker(answer)
    return checker


def trials(cluster: Cluster) -> int:
    return len(cluster.objects.list("trainingjobs"))


async def test_a_wrong_template_fails_without_a_trial_until_it_is_right() -> None:
    cluster, _ = checked(WRONG)
    await cluster.settle()
    failed = cluster.condition("Failed")
    assert (failed["status"], failed["reason"], failed["message"]) == ("True", "InvalidNetwork", TOO_SMALL)
    assert trials(cluster) == 0
    upgrade(cluster, NoVerdict.UNKNOWN)
    assert await cluster.settle() == UNANSWERED_SECONDS
    assert cluster.condition("Failed")["status"] == "True"
    upgrade(cluster, Verdict())
    await cluster.settle()
    assert cluster.condition("Failed")["status"] == "False"
    assert trials(cluster) == 2


async def test_without_a_checker_a_refused_template_is_tried() -> None:
    cluster, _ = checked(WRONG)
    await cluster.settle()
    upgrade(cluster, NoVerdict.ABSENT)
    await cluster.settle()
    assert cluster.condition("Failed")["status"] == "False"
    assert trials(cluster) == 2


async def test_the_template_is_asked_about_once_and_no_trial_is() -> None:
    cluster, checker = checked(Verdict())
    await cluster.settle()
    count = len(checker.questions)
    assert len({question.digest for question in checker.questions}) == 1
    await cluster.settle()
    assert (trials(cluster), len(checker.questions)) == (2, count)


async def test_an_experiment_waits_for_a_pending_answer_and_no_longer() -> None:
    cluster, checker = checked(NoVerdict.PENDING)
    assert await cluster.reconcile() is None
    assert trials(cluster) == 0
    checker.answer = NoVerdict.UNKNOWN
    await cluster.settle()
    assert trials(cluster) == 2


async def test_an_error_that_a_parameter_may_repair_does_not_count() -> None:
    cluster, _ = checked(
        Verdict([NetworkError(1, "too many units"), NetworkError(None, "outputs")]), parameters=[UNITS]
    )
    await cluster.settle()
    assert trials(cluster) == 2
    cluster, _ = checked(Verdict([NetworkError(0, TOO_SMALL), NetworkError(1, "too many units")]), parameters=[UNITS])
    await cluster.settle()
    assert (trials(cluster), cluster.condition("Failed")["message"]) == (0, TOO_SMALL)


async def test_an_experiment_with_an_image_of_its_own_is_not_asked_about() -> None:
    cluster, checker = checked(WRONG)
    document = cluster.objects.get("experiments", *KEY)
    document["spec"]["template"]["spec"]["image"] = "registry/own:1"
    cluster.objects.delete("experiments", *KEY)
    cluster.objects.create("experiments", KEY.namespace, {"metadata": {"name": KEY.name}, "spec": document["spec"]})
    await cluster.settle()
    assert (checker.questions, trials(cluster)) == ([], 2)
