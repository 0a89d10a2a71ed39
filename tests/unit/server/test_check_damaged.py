"""What is stored for the check of a model may be damaged as anything else in a bucket."""

import io

import numpy as np
import pytest
from epochal_server.check import samples
from epochal_server.ending import Ended

from tests.kit.served import small


def stored() -> bytes:
    file = io.BytesIO()
    arrays = {"input:x": np.arange(400, dtype=np.float32).reshape(-1, 2), "best:y": np.ones((200, 3), np.float32)}
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def test_finds_what_is_stored() -> None:
    inputs, outputs = samples(stored(), small().signature, "Best")
    assert (inputs["x"].shape, outputs["y"].shape) == ((200, 2), (200, 3))


@pytest.mark.parametrize("data", [b"", b"junk", stored()[:-30], stored()[:200] + bytes(60) + stored()[260:]])
def test_says_that_it_is_damaged(data: bytes) -> None:
    with pytest.raises(Ended) as ended:
        samples(data, small().signature, "Best")
    assert ended.value.reason == "ModelDamaged"
