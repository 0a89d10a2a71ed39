"""The table of reasons: all that is emitted is in it, all that is in it is emitted, and the documents say the same."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from epochal_api.trainingjob.status import MAX_WARNINGS
from epochal_operator.runtime.owners import ChildReasons
from epochal_operator.trainingjob.reasons import Effect, Foreign, Reason, as_reason, effect

from tests.unit.operator.reasons_page import OF_PODS, documented

ROOT = Path(__file__).parents[4]
OPERATOR = ROOT / "operator" / "src" / "epochal_operator"
TRAINER = ROOT / "trainer-image" / "src" / "epochal_trainer"
FAILS = {"Failure": 0, "bad_spec": 0, "bad_data": 0, "refused": 0, "Meaning": 1}
"""Functions of the trainer that make a failure, and which of their arguments is its reason."""
WARNS = {"warned": 0}
"""The same for warnings."""


def nodes(folder: Path) -> Iterator[ast.AST]:
    for file in folder.rglob("*.py"):
        yield from ast.walk(ast.parse(file.read_text(), str(file)))


def trainers_reasons(makers: Mapping[str, int] = FAILS) -> set[str]:
    """Returns the reasons that stand in the trainer's code, wherever it makes a failure, or something else."""
    found = set()
    for node in nodes(TRAINER):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in makers:
            reason = node.args[makers[node.func.id]]
            if isinstance(reason, ast.Constant):
                found.add(str(reason.value))
    return found


def test_the_trainer_fails_for_known_reasons_only() -> None:
    found = trainers_reasons()
    assert len(found) > 20
    assert found <= set(Reason)


def test_the_trainer_warns_for_known_reasons_only_and_the_status_has_room_for_all() -> None:
    found = trainers_reasons(WARNS)
    assert 0 < len(found) <= MAX_WARNINGS
    assert {one: Reason(one).effect.event for one in found} == dict.fromkeys(found, "Warning")


def test_every_reason_is_given_somewhere() -> None:
    ours = {node.attr for node in nodes(OPERATOR) if isinstance(node, ast.Attribute)}
    theirs = {node.value for node in nodes(TRAINER) if isinstance(node, ast.Constant)}
    ours |= {name.upper() for name in ChildReasons._fields}
    assert {one for one in Reason if one.name not in ours and one not in theirs | OF_PODS} == set()


def test_every_reason_is_documented_once_with_what_follows_from_it() -> None:
    rows = list(documented())
    assert sorted(word for word, _ in rows) == sorted(Reason)
    for word, row in rows:
        known = Reason(word).effect
        assert row["Event"] == (known.event or "–"), word
        if "Stalled" in row:
            assert row["Stalled"] == ("yes" if known.stalls else ""), word
            again = known.look_again_seconds
            assert row["looked at again"] == (f"{again:g} s" if again else ""), word
            assert row["Ready"] == str(known.ready), word
        if "Fault" in row:
            assert row["Fault"] == (known.fault or ""), word


@pytest.mark.parametrize("word", ["ImagePullBackOff", "NameConflict"])
def test_a_known_word_is_a_reason(word: str) -> None:
    assert as_reason(word) is Reason(word)
    assert effect(word) == Reason(word).effect


def test_any_other_word_is_told_of_and_no_more() -> None:
    assert as_reason("ErrImageNeverPull") == Foreign("ErrImageNeverPull")
    assert not isinstance(as_reason("ErrImageNeverPull"), Reason)
    assert effect("BackoffLimitExceeded").fault == "Crash"  # as a Job says it whose pods are gone
    assert effect("ErrImageNeverPull") == Effect(event="Warning", stalls=False, ready=False, fault="Cluster")
