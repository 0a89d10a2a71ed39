"""Server-side apply: what each manager owns, gives up, and takes from others."""

from typing import Any

import pytest

from tests.kit.fake.fields import Disagreement, Owner, apply, owners, update

OPERATOR, KUEUE = Owner("epochal", "Apply"), Owner("kueue", "Update")
NOW, LATER = "2026-11-25T12:00:00Z", "2026-11-25T12:00:09Z"


def thing(**parts: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "one"}} | parts


def condition(kind: str, status: str) -> dict[str, Any]:
    return {"type": kind, "status": status}


def test_what_a_manager_no_longer_wants_goes() -> None:
    before = apply(thing(), {"spec": {"a": 1, "b": {"c": 2}}}, OPERATOR, NOW, force=False)
    after = apply(before, {"spec": {"a": 1}}, OPERATOR, NOW, force=False)
    assert after["spec"] == {"a": 1}


def test_what_another_wants_too_stays_when_one_gives_it_up() -> None:
    other = Owner("argocd", "Apply")
    both = apply(
        apply(thing(), {"spec": {"a": 1}}, OPERATOR, NOW, force=False), {"spec": {"a": 1}}, other, NOW, force=False
    )
    after = apply(both, {"spec": {}}, OPERATOR, NOW, force=False)
    assert after["spec"] == {"a": 1}
    assert owners(after)[other] == {("f:spec", "f:a")}


def test_a_field_of_another_is_taken_by_force_alone() -> None:
    before = update({}, thing(spec={"suspend": True, "other": 1}), KUEUE, NOW)
    with pytest.raises(Disagreement, match=r'conflict with "kueue": \.spec\.suspend'):
        apply(before, {"spec": {"suspend": False}}, OPERATOR, NOW, force=False)
    after = apply(before, {"spec": {"suspend": False}}, OPERATOR, NOW, force=True)
    assert after["spec"] == {"suspend": False, "other": 1}
    assert owners(after) == {KUEUE: {("f:spec", "f:other")}, OPERATOR: {("f:spec", "f:suspend")}}


def test_whoever_changes_a_field_owns_it_alone() -> None:
    before = apply(thing(), {"spec": {"suspend": False}}, OPERATOR, NOW, force=False)
    after = update(before, before | {"spec": {"suspend": True}}, KUEUE, LATER)
    assert owners(after) == {KUEUE: {("f:spec", "f:suspend")}}
    (entry,) = after["metadata"]["managedFields"]
    assert entry == {
        "manager": "kueue",
        "operation": "Update",
        "apiVersion": "v1",
        "time": LATER,
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:suspend": {}}},
    }


def test_what_is_written_again_is_as_before() -> None:
    before = update({}, thing(spec={"a": 1}), KUEUE, NOW)
    assert update(before, before, Owner("other", "Update"), LATER) == before
    applied = apply(before, {"spec": {"b": 2}}, OPERATOR, NOW, force=False)
    assert apply(applied, {"spec": {"b": 2}}, OPERATOR, LATER, force=False) == applied


def test_conditions_are_owned_one_by_one() -> None:
    leader, reporter = (Owner(name, "Apply", "status") for name in ("epochal", "epochal-progress"))
    ready, there = condition("Ready", "True"), condition("StorageAvailable", "True")
    first = apply(thing(), {"status": {"conditions": [ready, condition("Stalled", "False")]}}, leader, NOW, force=True)
    both = apply(first, {"status": {"conditions": [there]}}, reporter, NOW, force=True)
    after = apply(both, {"status": {"conditions": [ready]}}, leader, NOW, force=True)
    assert after["status"]["conditions"] == [ready, there]
    entries = {entry["manager"]: entry for entry in after["metadata"]["managedFields"]}
    assert entries["epochal-progress"]["subresource"] == "status"
    fields: dict[str, Any] = {"f:status": {}, "f:type": {}}
    assert entries["epochal"]["fieldsV1"] == {"f:status": {"f:conditions": {'k:{"type":"Ready"}': fields}}}


@pytest.mark.parametrize(
    ("live", "wish", "after"),
    [
        ({"a": 1}, {"a": {"b": 2}}, {"a": {"b": 2}}),
        ({"a": {"b": 2}}, {"a": 1}, {"a": 1}),
        ({"a": {"b": 2}}, {"a": {}}, {"a": {"b": 2}}),
        ({"a": {}}, {"a": {"b": 2}}, {"a": {"b": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({}, {"a": None}, {"a": None}),
    ],
)
def test_parts_and_wholes_replace_each_other(live: Any, wish: Any, after: Any) -> None:
    assert apply(thing(spec=live), {"spec": wish}, OPERATOR, NOW, force=True)["spec"] == after
