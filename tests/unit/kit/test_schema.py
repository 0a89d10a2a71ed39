"""The CEL rules at any depth of a schema are evaluated."""

from typing import Any

import pytest

from tests.kit.schema import broken_rules, with_defaults

FEW = [{"rule": "self.size() < 3", "message": "few"}]
STAYS = [{"rule": "self.kept == oldSelf.kept", "message": "stays"}]
SCHEMA: dict[str, Any] = {
    "properties": {
        "kept": {"default": 1},
        "list": {"items": {"properties": {"names": {"x-kubernetes-validations": FEW, "default": []}}}},
        "map": {"additionalProperties": {"x-kubernetes-validations": FEW}},
    },
    "x-kubernetes-validations": STAYS,
}


@pytest.mark.parametrize(
    ("value", "old", "found"),
    [
        ({}, None, []),
        ({"kept": 2}, None, []),
        ({"kept": 2}, {}, [": stays"]),
        ({"kept": 1}, {}, []),
        ({"list": [{}, {"names": [1, 2, 3]}]}, None, ["list[1].names: few"]),
        ({"map": {"a": [1, 2, 3], "b": []}}, {"map": {"a": []}}, ["map.a: few"]),
    ],
)
def test_a_message_has_its_path(value: Any, old: Any, found: list[str]) -> None:
    assert broken_rules(SCHEMA, value, old) == found


def test_defaults_are_added() -> None:
    assert with_defaults(SCHEMA, {"list": [{}], "more": 1}) == {"list": [{"names": []}], "more": 1, "kept": 1}
    assert with_defaults(SCHEMA, None) is None
