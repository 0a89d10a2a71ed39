"""The text of figures, and when a goal is met."""

from tests.bench.serving.one_core import beside_tensorflow, latency, share, tail
from tests.bench.serving.wrk import Load


def loads(rate: float, p50: float = 1000.0, p99: float = 2000.0) -> list[Load]:
    return [Load(rate * (1 + number / 100), 0, p50, p99) for number in range(6)]


def test_a_share_of_the_throughput() -> None:
    found = {"ours": loads(50.0), "bare": loads(100.0)}
    figure = share("one image", found, "ours", "bare", 0.45)
    assert figure.met
    assert figure.measured == "51.2 /s (50-52.5, n=6): ratio 0.500 (0.500-0.500)"
    assert figure.goal == "at least 0.45"
    assert not share("one image", found, "ours", "bare", 0.6).met


def test_the_latency_is_the_time_above_a_bare_call() -> None:
    found = {"binary, unloaded": loads(1, p50=480.0), "bare": loads(1, p50=80.0)}
    figure = latency(found, "binary")
    assert figure.met
    assert "+0.400 ms (+0.400 to +0.400)" in figure.measured
    assert not latency(found | {"bare": loads(1, p50=-100.0)}, "binary").met


def test_the_tail_is_measured_in_medians() -> None:
    assert tail({"binary": loads(1, p50=1000, p99=4900)}).met
    assert not tail({"binary": loads(1, p50=1000, p99=5100)}).met


def test_a_tail_in_some_rounds_is_hidden_by_the_spread() -> None:
    figure = tail({"binary": [*loads(1, p99=3000)[:4], *loads(1, p99=9000)[:2]]})
    assert "hides" in figure.measured
    assert not figure.met


def test_ours_beside_tensorflows() -> None:
    onnx, keras = beside_tensorflow({"binary": loads(300), "Keras": loads(110), "SavedModel": loads(100)})
    assert onnx.met
    assert "ratio 3.000" in onnx.measured
    assert "ratio 1.100" in keras.measured
    assert not keras.goal
