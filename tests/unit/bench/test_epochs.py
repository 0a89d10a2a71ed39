import pytest

from tests.bench.epochs import ends, steady

OURS = """\
2026-11-25T10:00:00.000000000Z 10:00:00 Training: 3 epochs of 250 steps of 64 samples, in float32
2026-11-25T10:00:05.250000000Z 10:00:05 Epoch 1/3    5.2s  loss 0.2  best  8.4s left
2026-11-25T10:00:08.000000000Z 10:00:08 Epoch 2/3  step 100/250
2026-11-25T10:00:09.500000000Z 10:00:09 Epoch 2/3    4.2s  loss 0.1  best
2026-11-25T10:00:13.500000000Z 10:00:13 Epoch 3/3    4.0s  loss 0.1
2026-11-25T10:00:14.000000000Z 10:00:14 Done: 3 epochs trained
"""
KERAS = """\
2026-11-25T10:00:00.000000000Z Epoch 1/2
2026-11-25T10:00:04.000000000Z 250/250 - 4s - 16ms/step - loss: 0.2
2026-11-25T10:00:04.000000001Z Epoch 1/2 has ended
2026-11-25T10:00:04.000000002Z Epoch 2/2
2026-11-25T10:00:08.000000000Z 250/250 - 4s - 16ms/step - loss: 0.1
2026-11-25T10:00:08.000000000Z Epoch 2/2 has ended
"""


def test_seconds_from_end_to_end() -> None:
    assert steady(OURS) == pytest.approx([4.25, 4.0])
    assert steady(KERAS) == pytest.approx([4.0])


def test_ends_by_number() -> None:
    assert list(ends(OURS)) == [1, 2, 3]
    assert ends("") == {}
