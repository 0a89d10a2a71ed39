"""The bounds of a question, and which layers of two questions are the same."""

import json
import random
from typing import Any

import pytest
from epochal_api.checker import MAX_QUESTION_BYTES
from epochal_trainer.checker.questions import BadQuestion, layer_digests

DENSE = {"layer": "Dense", "units": 8}


def question(*layers: Any, **network: Any) -> bytes:
    return json.dumps({"network": {"input": {"shape": [4]}, "layers": layers, **network}}).encode()


def common(one: bytes, other: bytes) -> int:
    return sum(a == b for a, b in zip(layer_digests(one), layer_digests(other), strict=False))


def test_two_questions_have_the_layers_before_the_first_difference_in_common() -> None:
    before = question(DENSE, DENSE, DENSE)
    assert common(before, question(DENSE, DENSE, DENSE)) == 3
    assert common(before, question(DENSE, DENSE, {**DENSE, "units": 9})) == 2
    assert common(before, question(DENSE, {**DENSE, "name": "x"}, DENSE)) == 1
    assert common(before, question(DENSE, DENSE, DENSE, DENSE)) == 3
    assert common(before, question(dict(reversed(DENSE.items())), DENSE)) == 2


def test_inputs_weights_and_precision_belong_to_each_layer_and_outputs_to_none() -> None:
    before = question(DENSE)
    assert common(before, question(DENSE, input={"shape": [5]})) == 0
    assert common(before, json.dumps({**json.loads(before), "precision": "mixed_float16"}).encode()) == 0
    assert common(before, question(DENSE, outputs=["dense_0"])) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must be JSON"),
        (b"\xff\xfe\x00", "must be JSON"),
        (b"[" * 100_000, "must be JSON"),
        (b'{"network": ' + b"9" * 10_000 + b"}", "must be JSON"),
        (b"[]", "must be an object with the field network"),
        (b'{"network": []}', "must be an object with the field network"),
        (b" " * (MAX_QUESTION_BYTES + 1), f"must have at most {MAX_QUESTION_BYTES:,} bytes"),
        (question({"layer": "Dense", "units": json.loads("[" * 90 + "]" * 90)}), None),
        (b'{"network": {"layers": ' + b"[" * 101 + b"]" * 101 + b"}}", "must have at most 100 levels"),
    ],
)
def test_bounds(content: bytes, message: str | None) -> None:
    if message is None:
        assert len(layer_digests(content)) == 1
        return
    with pytest.raises(BadQuestion, match=message):
        layer_digests(content)


def test_garbage_is_refused() -> None:
    source = random.Random(1)  # noqa: S311 - a test
    valid = question(DENSE, DENSE)
    for _ in range(300):
        content = bytearray(valid)
        for _ in range(source.randint(1, 8)):
            content[source.randrange(len(content))] = source.randrange(256)
        try:
            layer_digests(bytes(content))
        except BadQuestion:
            continue


def test_a_network_of_the_wrong_shape_has_no_layers() -> None:
    assert layer_digests(b'{"network": {"layers": {"a": 1}}}') == []
