"""Server-side apply: the fields that managers own, drop and take from others."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.kit.fake.fields import Disagreement, Owner, apply, copied, owners, update

OPERATOR, KUEUE = Owner("epochal", "Apply"), Owner("kueue", "Update")
NOW, LATER = "2026-11-25T12:00:00Z", "2026-11-25T12:00:09Z"


def thing(**parts: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "one"}} | parts


def condition(kind: str, status: str) -> dict[str, Any]:
    return {"type": kind, "status": status}


def test_a_copy_shares_no_part() -> None:
    live = thing(spec={"a": [{"b": 1}, 0.1, None, True, 2**63, "\u20ac\x00"]})
    copy = copied(live)
    assert copy == live
    copy["spec"]["a"][0]["b"] = 2
    assert live["spec"]["a"][0]["b"] == 1


@pytest.mark.parametrize("value", [datetime(2026, 11, 25, tzinfo=UTC), {1}, b"1"], ids=["time", "set", "bytes"])
def test_only_json_is_copied(value: Any) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        copied(thing(spec={"a": value}))


def test_a_field_that_a_manager_drops_is_removed() -> None:
    before = apply(thing(), {"spec": {"a": 1, "b": {"c": 2}}}, OPERATOR, NOW, force=False)
    after = apply(before, {"spec": {"a": 1}}, OPERATOR, NOW, force=False)
    assert after["spec"] == {"a": 1}


def test_a_shared_field_stays_until_all_managers_drop_it() -> None:
    other = Owner("argocd", "Apply")
    both = apply(
        apply(thing(), {"spec": {"a": 1}}, OPERATOR, NOW, force=False), {"spec": {"a": 1}}, other, NOW, force=False
    )
    after = apply(both, {"spec": {}}, OPERATOR, NOW, force=False)
    assert after["spec"] == {"a": 1}
    assert owners(after)[other] == {("f:spec", "f:a")}


def test_a_foreign_field_needs_force() -> None:
    before = update({}, thing(spec={"suspend": True, "other": 1}), KUEUE, NOW)
    with pytest.raises(Disagreement, match=r'conflict with "kueue": \.spec\.suspend'):
        apply(before, {"spec": {"suspend": False}}, OPERATOR, NOW, force=False)
    after = apply(before, {"spec": {"suspend": False}}, OPERATOR, NOW, force=True)
    assert after["spec"] == {"suspend": False, "other": 1}
    assert owners(after) == {KUEUE: {("f:spec", "f:other")}, OPERATOR: {("f:spec", "f:suspend")}}


def test_an_update_takes_the_ownership_of_a_field() -> None:
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


def test_a_repeated_write_changes_nothing() -> None:
    before = update({}, thing(spec={"a": 1}), KUEUE, NOW)
    assert update(before, before, Owner("other", "Update"), LATER) == before
    applied = apply(before, {"spec": {"b": 2}}, OPERATOR, NOW, force=False)
    assert apply(applied, {"spec": {"b": 2}}, OPERATOR, LATER, force=False) == applied


def test_each_condition_has_its_own_owner() -> None:
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
