"""Servers beside a bare loop of ONNX Runtime, each on the same core, one at a time and in turn; load from the other."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Literal

import numpy as np
from epochal_api.modelserver.config import Runtime

from tests.bench.figures import Figure, spread
from tests.bench.ratio import Ratio, interval
from tests.bench.serving import ours, wrk
from tests.bench.serving.networks import MNIST, SLOW, batches, trained
from tests.bench.serving.processes import free_port, pinned, serving
from tests.bench.serving.wrk import Load
from tests.bench.turns import in_turn
from tests.kit.inference import infer_requests
from tests.kit.trained_model import TrainedModel

ROUNDS = 6
SECONDS = 3
CONNECTIONS = 32
BATCH = 64
BATCH_CONNECTIONS = 4
UNLOADED_MS = 0.5
"""Most that the median of one connection may lie above that of a bare call."""
TAIL = 5
"""Most that the 99th percentile under load may be, in medians."""

Loads = dict[str, list[Load]]


@dataclass(frozen=True)
class Bench:
    trained: TrainedModel
    images: Path
    folder: Path
    mnist: Path

    def bare_loop(self, batch: int = 1) -> Load:
        program = ["-m", "tests.bench.serving.bare", str(self.trained.onnx), str(self.images)]
        command = pinned(sys.executable, *program, "--batch", str(batch), "--seconds", str(SECONDS))
        result = json.loads(subprocess.run(command, check=True, text=True, capture_output=True, timeout=120).stdout)
        return Load(result["rate"], 0, result["p50"], result["p99"])

    def requests(self, *, samples: int = 1, binary: bool = True) -> Path:
        path = self.folder / f"{self.trained.name}-{samples}-{'binary' if binary else 'json'}"
        if not path.exists():
            asked = batches(self.mnist, samples)
            wrk.write(path, infer_requests(self.trained.name, self.trained.names, asked, binary=binary))
        return path

    @contextmanager
    def server(self, how: Runtime | Literal["SavedModel"]) -> Iterator[str]:
        """Runs a server with this runtime, and yields its address."""
        port = free_port()
        with ExitStack() as stack:
            if how == "SavedModel":
                command = [sys.executable, "-m", "tests.bench.serving.savedmodel", str(self.trained.saved_model)]
                where = serving([*command, "--port", str(port)], port, self.folder / f"{how}.log")
            else:
                where = ours.server(self.trained, how, port, self.folder)
            stack.enter_context(where)
            url = f"http://127.0.0.1:{port}"
            wrk.load(url, self.requests(), connections=CONNECTIONS, seconds=1)
            yield url


def mnist_network(mnist: Path) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        bench = _bench(trained(MNIST, Path(folder)), mnist, Path(folder))
        onnx = stack.enter_context(bench.server("ONNX"))
        keras = stack.enter_context(bench.server("Keras"))
        saved = stack.enter_context(bench.server("SavedModel"))
        one, one_json, many = bench.requests(), bench.requests(binary=False), bench.requests(samples=BATCH)
        loaded = partial(wrk.load, connections=CONNECTIONS, seconds=SECONDS)
        unloaded = partial(wrk.load, connections=1, seconds=SECONDS)
        contenders: dict[str, Callable[[], Load]] = {
            "bare": bench.bare_loop,
            "bare, 64": partial(bench.bare_loop, BATCH),
            "64": lambda: wrk.load(onnx, many, connections=BATCH_CONNECTIONS, seconds=SECONDS),
            "binary": lambda: loaded(onnx, one),
            "JSON": lambda: loaded(onnx, one_json),
            "binary, unloaded": lambda: unloaded(onnx, one),
            "JSON, unloaded": lambda: unloaded(onnx, one_json),
            "Keras": lambda: loaded(keras, one),
            "SavedModel": lambda: loaded(saved, one),
        }
        loads = in_turn(contenders, ROUNDS)
    _all_answered(loads)
    return [
        share(f"{BATCH} images a request, binary, {BATCH_CONNECTIONS} connections", loads, "64", "bare, 64", 0.8),
        share(f"one image of MNIST, binary, {CONNECTIONS} connections", loads, "binary", "bare", 0.45),
        share(f"one image of MNIST, JSON, {CONNECTIONS} connections", loads, "JSON", "bare", 0.25),
        *(latency(loads, how) for how in ("binary", "JSON")),
        tail(loads),
        *beside_tensorflow(loads),
    ]


def slow_network(mnist: Path) -> list[Figure]:
    """Measures a network that takes about 5 ms an image."""
    with tempfile.TemporaryDirectory() as folder:
        bench = _bench(trained(SLOW, Path(folder)), mnist, Path(folder))
        one = bench.requests()
        with bench.server("ONNX") as url:
            ours = lambda: wrk.load(url, one, connections=CONNECTIONS, seconds=SECONDS)  # noqa: E731
            loads = in_turn({"bare": bench.bare_loop, "binary": ours}, ROUNDS)
    _all_answered(loads)
    call = median(load.p50 for load in loads["bare"]) / 1000
    figure = share(f"one image, {CONNECTIONS} connections, a slow network", loads, "binary", "bare", 0.9)
    return [replace(figure, baseline=f"{figure.baseline}, {call:.1f} ms an image")]


def share(name: str, loads: Loads, ours: str, theirs: str, goal: float) -> Figure:
    """Returns the share of the bare loop's throughput that the server reaches."""
    ratio = _rates(loads, ours, theirs)
    return Figure(
        f"{name}: throughput",
        f"a bare loop, {'batch 64' if '64' in theirs else 'batch 1'}: {_spread(loads[theirs])}",
        f"{_spread(loads[ours])}: {ratio.describe_minimum(goal)}",
        f"at least {goal}",
        ratio.reaches(goal),
    )


def latency(loads: Loads, how: str) -> Figure:
    """Returns the latency of one connection above that of a bare call, by medians."""

    def more(rounds: Sequence[tuple[Load, Load]]) -> float:
        ours, bare_loop = zip(*rounds, strict=True)
        more: float = median(load.p50 for load in ours) - median(load.p50 for load in bare_loop)
        return more / 1000

    rounds = list(zip(loads[f"{how}, unloaded"], loads["bare"], strict=True))
    low, high = interval(rounds, more)
    return Figure(
        f"unloaded latency, one image of MNIST, {how}: p50",
        f"a bare call: {spread([load.p50 / 1000 for load in loads['bare']], 'ms')}",
        f"{spread([load.p50 / 1000 for load in loads[f'{how}, unloaded']], 'ms')}: "
        f"{more(rounds):+.3f} ms ({low:+.3f} to {high:+.3f})",
        f"at most +{UNLOADED_MS} ms",
        high <= UNLOADED_MS,
    )


def tail(loads: Loads) -> Figure:
    """Returns the 99th percentile under load in medians."""

    def ratio(rounds: Sequence[Load]) -> float:
        return median(load.p99 for load in rounds) / median(load.p50 for load in rounds)

    low, high = interval(loads["binary"], ratio)
    hidden = ": the spread hides the goal" if ratio(loads["binary"]) <= TAIL < high else ""
    return Figure(
        f"p99 under load, one image of MNIST, binary, {CONNECTIONS} connections",
        f"p50: {spread([load.p50 / 1000 for load in loads['binary']], 'ms')}",
        f"{spread([load.p99 / 1000 for load in loads['binary']], 'ms')}: "
        f"ratio {ratio(loads['binary']):.2f} ({low:.2f}-{high:.2f}){hidden}",
        f"at most {TAIL} times p50",
        high <= TAIL,
    )


def beside_tensorflow(loads: Loads) -> list[Figure]:
    """Returns the comparison with a server of a SavedModel, and with the same server on Keras."""
    ratio, keras = _rates(loads, "binary", "SavedModel"), _rates(loads, "Keras", "SavedModel")
    theirs = f"TensorFlow's SavedModel, batch 1, in the same kind of server: {_spread(loads['SavedModel'])}"
    return [
        Figure(
            "one image of MNIST, binary, by ONNX Runtime: throughput",
            theirs,
            f"{_spread(loads['binary'])}: {ratio.describe_minimum(2)}",
            "at least 2",
            ratio.reaches(2),
        ),
        Figure(
            "the same, served by Keras from the trainer's image",
            theirs,
            f"{_spread(loads['Keras'])}: ratio {keras.middle:.3f} ({keras.low:.3f}-{keras.high:.3f})",
        ),
    ]


def _bench(network: TrainedModel, mnist: Path, folder: Path) -> Bench:
    images = folder / "images.npy"
    np.save(images, np.concatenate(batches(mnist, BATCH)))
    return Bench(network, images, folder, mnist)


def _rates(loads: Loads, ours: str, theirs: str) -> Ratio:
    return Ratio.of(*([[load.rate] for load in loads[name]] for name in (ours, theirs)))


def _spread(loads: Sequence[Load]) -> str:
    return spread([load.rate for load in loads], "/s")


def _all_answered(loads: Loads) -> None:
    failed = {name: sum(load.failed for load in each) for name, each in loads.items()}
    assert not any(failed.values()), f"requests were not answered: {failed}"
