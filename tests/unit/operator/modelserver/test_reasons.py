"""The reasons of ModelServers: each is used and documented."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from epochal_lib.model_server import errors
from epochal_operator.modelserver.reasons import ExternalReason, Reason, as_reason, effect
from epochal_operator.runtime.owners import ChildReasons
from epochal_operator.runtime.reasons import EXTERNAL_EFFECT

from tests.unit.operator.reasons_page import OF_PODS, documented

KIND = Path(__file__).parents[4] / "operator" / "src" / "epochal_operator" / "modelserver"
SERVERS = set(get_args(errors.Reason))
"""What a server says last."""


def nodes() -> Iterator[ast.AST]:
    for file in KIND.glob("*.py"):
        yield from ast.walk(ast.parse(file.read_text(), str(file)))


def test_every_reason_is_used() -> None:
    ours = {node.attr for node in nodes() if isinstance(node, ast.Attribute)}
    ours |= {name.upper() for name in ChildReasons._fields}
    assert {one for one in Reason if one.name not in ours and one not in SERVERS | OF_PODS} == set()


def test_reasons_include_those_of_servers() -> None:
    assert set(Reason) >= SERVERS


def test_every_reason_is_documented_with_its_effects() -> None:
    rows = list(documented("ModelServer"))
    assert sorted(word for word, _ in rows) == sorted(Reason)
    for word, row in rows:
        known = Reason(word).effect
        assert row["Event"] == (known.event or "–"), word
        if "Stalled" in row:
            assert row["Stalled"] == ("yes" if known.needs_user_action else ""), word
            again = known.requeue_after
            assert row["looked at again"] == (f"{again:g} s" if again else ""), word
            assert row["Progressing"] == ("Unknown" if word == Reason.PAUSED else str(known.ready)), word
            assert row["Fault"] == (known.fault or ""), word


def test_foreign_reason_has_only_an_event() -> None:
    assert as_reason("NameConflict") is Reason.NAME_CONFLICT
    assert as_reason("ErrImageNeverPull") == ExternalReason("ErrImageNeverPull")
    assert effect("ErrImageNeverPull") == EXTERNAL_EFFECT
