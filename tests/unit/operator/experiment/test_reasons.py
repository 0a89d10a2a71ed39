"""The table of reasons: each reason is used, and docs/reasons.md has its effect."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from epochal_operator.experiment.reasons import Effect, Reason, effect
from epochal_operator.experiment.schedule.next_trials import FAILURE_REASONS, EndReason
from epochal_operator.runtime.owners import ChildReasons

from tests.unit.operator.reasons_page import documented

KIND = Path(__file__).parents[4] / "operator" / "src" / "epochal_operator" / "experiment"


def nodes() -> Iterator[ast.AST]:
    for file in KIND.rglob("*.py"):
        yield from ast.walk(ast.parse(file.read_text(), str(file)))


def test_every_reason_is_used() -> None:
    ours = {node.attr for node in nodes() if isinstance(node, ast.Attribute)}
    ours |= {name.upper() for name in ChildReasons._fields}
    assert {one for one in Reason if one.name not in ours and one not in get_args(EndReason)} == set()


def test_every_reason_is_documented_with_its_effect() -> None:
    rows = list(documented("Experiment"))
    assert sorted(word for word, _ in rows) == sorted(Reason)
    for word, row in rows:
        known = Reason(word).effect
        assert row["Event"] == (known.event or "–"), word
        if "Stalled" in row:
            assert row["Stalled"] == ("yes" if known.needs_user_action else ""), word
            again = known.requeue_after
            assert row["looked at again"] == (f"{again:g} s" if again else ""), word
            assert row["Ready"] == str(known.ready), word
            assert row["Fault"] == (known.fault or ""), word


def test_every_end_reason_has_an_effect() -> None:
    assert {Reason(one).effect.ready for one in get_args(EndReason) if one not in FAILURE_REASONS} == {True}
    assert {Reason(one).effect.needs_user_action for one in FAILURE_REASONS} == {True}


def test_unknown_reasons_are_warnings() -> None:
    assert effect("NameConflict") == Reason.NAME_CONFLICT.effect
    assert effect("SomethingElse") == Effect(event="Warning", ready=False, fault="Cluster")
