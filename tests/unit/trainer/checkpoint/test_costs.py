import pytest
from epochal_trainer.checkpoint import Costs


def test_sums_and_cost_of_a_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    now, cpu = 0.0, 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    monkeypatch.setattr("time.thread_time", lambda: cpu)
    costs = Costs()
    for seconds in (1.0, 2.0):
        with costs.capturing():
            now, cpu = now + seconds, cpu + seconds / 2
        with costs.writing(size=100):
            now, cpu = now + 10 * seconds, cpu + 3 * seconds
    with pytest.raises(OSError, match="full"), costs.writing(size=100):
        raise OSError("full")
    assert costs.dump() == {"taken": 2, "bytes": 200, "captureSeconds": 3.0, "writeSeconds": 30.0, "bestSeconds": 0.0}
    assert costs.seconds(cores=2) == 1.5 + 4.5 / 2
    for _ in range(3):
        with costs.capturing():
            now += 4.0
    assert costs.seconds(cores=2) == 4.0 + 4.5 / 2
    with costs.keeping_best():
        now += 5.0
    assert costs.dump()["bestSeconds"] == 5.0
    assert costs.seconds(cores=2) == 4.0 + 4.5 / 2  # the weights are kept whether or not a checkpoint is taken
