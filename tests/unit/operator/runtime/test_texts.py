"""Texts that are kept once."""

import json
from typing import Any

from epochal_operator.runtime.texts import LONGEST, Texts


def thing(name: str) -> Any:
    conditions = [{"type": "Ready", "status": "True", "message": "x" * (LONGEST + 1)}]
    return json.loads(json.dumps({"metadata": {"name": name, "generation": 1}, "status": {"conditions": conditions}}))


def test_a_thing_stays_what_it_is() -> None:
    assert Texts().shared(thing("a")) == thing("a")


def test_two_things_have_their_texts_in_common_but_long_ones() -> None:
    texts = Texts()
    one, other = (texts.shared(thing(name))["status"]["conditions"][0] for name in ("a", "b"))
    assert one["status"] is other["status"]
    assert [name is known for name, known in zip(one, other, strict=True)] == [True, True, True]
    assert one["message"] is not other["message"]


def test_what_is_remembered_is_bounded() -> None:
    texts = Texts(most=2)
    first = texts.shared(json.loads('"first"'))
    assert texts.shared(json.loads('"first"')) is first
    for word in ("second", "third"):
        texts.shared(word)
    assert texts.shared(json.loads('"first"')) is not first
