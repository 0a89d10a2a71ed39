"""The table of reasons: each is used, known to the trainer, and documented."""

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from epochal_operator.runtime.owners import ChildReasons
from epochal_operator.trainingjob.reasons import Effect, ExternalReason, Reason, as_reason, effect

from tests.unit.operator.reasons_page import OF_PODS, documented

ROOT = Path(__file__).parents[4]
OPERATOR = ROOT / "operator" / "src" / "epochal_operator"
TRAINER = ROOT / "trainer-image" / "src" / "epochal_trainer"
FAILS = {"Failure": 0, "bad_spec": 0, "bad_data": 0, "refused_failure": 0, "Meaning": 1}
"""Functions of the trainer that create a failure, and the index of the argument with its reason."""
WARNS = {"training_warning": 0}
"""The same for warnings."""


@cache
def nodes(folder: Path) -> list[ast.AST]:
    return [node for file in folder.rglob("*.py") for node in ast.walk(ast.parse(file.read_text(), str(file)))]


def trainers_reasons(makers: Mapping[str, int] = FAILS) -> set[str]:
    """Returns the constant reasons in the calls of these functions in the trainer."""
    found = set()
    for node in nodes(TRAINER):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in makers:
            reason = node.args[makers[node.func.id]]
            if isinstance(reason, ast.Constant):
                found.add(str(reason.value))
    return found


def test_failure_reasons_of_the_trainer_are_known() -> None:
    found = trainers_reasons()
    assert len(found) > 20
    assert found <= set(Reason)


def test_warning_reasons_of_the_trainer_are_known() -> None:
    found = trainers_reasons(WARNS)
    assert len(found) > 10
    assert {one: Reason(one).effect.event for one in found} == dict.fromkeys(found, "Warning")


def test_every_reason_is_used() -> None:
    ours = {node.attr for node in nodes(OPERATOR) if isinstance(node, ast.Attribute)}
    theirs = {node.value for node in nodes(TRAINER) if isinstance(node, ast.Constant)}
    ours |= {name.upper() for name in ChildReasons._fields}
    assert {one for one in Reason if one.name not in ours and one not in theirs | OF_PODS} == set()


def test_every_reason_is_documented_with_its_effects() -> None:
    rows = list(documented())
    assert sorted(word for word, _ in rows) == sorted(Reason)
    for word, row in rows:
        known = Reason(word).effect
        assert row["Event"] == (known.event or "–"), word
        if "Stalled" in row:
            assert row["Stalled"] == ("yes" if known.needs_user_action else ""), word
            again = known.requeue_after
            assert row["looked at again"] == (f"{again:g} s" if again else ""), word
            assert row["Ready"] == str(known.ready), word
        if "Fault" in row:
            assert row["Fault"] == (known.fault or ""), word


@pytest.mark.parametrize("word", ["ImagePullBackOff", "NameConflict"])
def test_known_reason(word: str) -> None:
    assert as_reason(word) is Reason(word)
    assert effect(word) == Reason(word).effect


def test_foreign_reason() -> None:
    assert as_reason("ErrImageNeverPull") == ExternalReason("ErrImageNeverPull")
    assert not isinstance(as_reason("ErrImageNeverPull"), Reason)
    assert effect("BackoffLimitExceeded").fault == "Crash"  # as a Job says it whose pods are gone
    assert effect("ErrImageNeverPull") == Effect(event="Warning", needs_user_action=False, ready=False, fault="Cluster")
