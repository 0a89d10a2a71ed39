import json
from typing import Any

import pytest
from epochal_operator.runtime.cache_transform import MAX_SHARED, share_texts


def read(text: str) -> Any:
    return share_texts(json.loads(text))


TEXT = '{"status": {"conditions": [{"type": "Ready", "status": "True", "count": 3, "since": null}]}, "long": "%s"}'


def test_shared_texts_leave_a_value_equal() -> None:
    text = TEXT % ("x" * (MAX_SHARED + 1))
    assert read(text) == json.loads(text)


def test_two_objects_share_short_texts() -> None:
    one, other = (read(TEXT % "") for _ in range(2))
    for name, same in zip(one["status"]["conditions"][0], other["status"]["conditions"][0], strict=True):
        assert name is same
        assert one["status"]["conditions"][0][name] is other["status"]["conditions"][0][same]


@pytest.mark.parametrize(("length", "same"), [(MAX_SHARED, True), (MAX_SHARED + 1, False)])
def test_long_texts_are_not_shared(length: int, same: bool) -> None:  # noqa: FBT001
    one, other = (read(json.dumps(["x" * length]))[0] for _ in range(2))
    assert (one is other) == same
