"""The checker as a process: real networks, attacks, and the requests after them."""

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from epochal_api.checker import CATALOGUE_PATH, CHECK_PATH, MAX_QUESTION_BYTES

from tests.kit import ports

CONV = {"layer": "Conv2D", "filters": 8, "kernel_size": 3, "padding": "same"}
SMALL = {"input": {"shape": [4]}, "layers": [{"layer": "Dense", "units": 3}]}


class Checker:
    """A running checker."""

    def __init__(self, port: int) -> None:
        self.address = f"http://{ports.LOOPBACK}:{port}"

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.address}{path}", timeout=10) as response:
            content: bytes = response.read()
            return content

    def ask(self, network: Any) -> tuple[int, Any]:
        """Return status and answer; a network in bytes is the whole body."""
        body = network if isinstance(network, bytes) else json.dumps({"network": network}).encode()
        try:
            with urllib.request.urlopen(f"{self.address}{CHECK_PATH}", data=body, timeout=30) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def is_ready(self) -> bool:
        try:
            return self.get("/readyz") == b"ok\n"
        except OSError:
            return False


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    held = ports.hold()
    found = Checker(ports.port_of(held))
    command = [sys.executable, "-m", "epochal_trainer", "checker", f"--port={ports.port_of(held)}"]
    with held, subprocess.Popen(command) as process:
        try:
            deadline = time.monotonic() + 100
            while not found.is_ready():
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield found
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()


def deep(levels: int) -> dict[str, Any]:
    """Return a network with a layer within a layer, levels deep."""
    layer: dict[str, Any] = {"layer": "Dense", "units": 1}
    for _ in range(levels):
        layer = {"layer": "TimeDistributed", "wrapped": layer}
    return {"input": {"shape": [2, 2]}, "layers": [layer]}


def pipelines(levels: int) -> dict[str, Any]:
    """Return a network of nested pipelines, each of a layer and the next pipeline."""
    dense = layer = {"layer": "Dense", "units": 2}
    for _ in range(levels):
        layer = {"layer": "Pipeline", "layers": [layer, dense]}
    return {"input": {"shape": [2, 2]}, "layers": [layer]}


def stacked_cells(levels: int) -> dict[str, Any]:
    """Return a network of nested stacks of one cell each: Keras' time doubles with each level."""
    cell: dict[str, Any] = {"layer": "LSTMCell", "units": 2}
    for _ in range(levels):
        cell = {"layer": "StackedRNNCells", "cells": [cell]}
    return {"input": {"shape": [2, 2]}, "layers": [{"layer": "RNN", "cell": cell}]}


def text_of(size: int) -> dict[str, Any]:
    """Return a network of about `size` bytes."""
    count = size // len(json.dumps(CONV)) - 10
    return {"input": {"shape": [8, 8, 1]}, "layers": [CONV] * min(count, 1000)}


@pytest.mark.parametrize(
    ("network", "statuses"),
    [
        ({"input": {"shape": [10**6]}, "layers": [{"layer": "Dense", "units": 10**6}] * 2}, {200}),
        ({"input": {"shape": [1]}, "layers": [{"layer": "RepeatVector", "n": 2**31 - 1}] * 3}, {200}),
        ({"input": {"shape": [99]}, "layers": [{"layer": "Discretization", "num_bins": 2**31 - 1}]}, {200, 507}),
        (
            {"input": {"shape": [9, 1]}, "layers": [{"layer": "STFTSpectrogram", "frame_length": 10**6}]},
            {200, 504, 507},
        ),
        (text_of(MAX_QUESTION_BYTES), {200, 504}),
        (deep(45), {200}),
        (deep(200), {400}),
        (pipelines(48), {504, 507}),
        (stacked_cells(40), {504, 507}),
        (b"\x00\xff" * 1000, {400}),
        (b'{"network": ' + b"[" * 100_000, {400}),
        ({"layers": 5}, {422}),
        ({"input": {"shape": [1]}, "layers": [{"layer": "Dense", "units": "9" * 100_000}]}, {200}),
    ],
    ids=lambda value: None if isinstance(value, set) else f"{str(value)[:30]}",
)
def test_after_an_attack_the_next_request_is_served(checker: Checker, network: Any, statuses: set[int]) -> None:
    begin = time.monotonic()
    assert checker.ask(network)[0] in statuses
    assert time.monotonic() - begin < 10
    status, answer = checker.ask(SMALL)
    assert (status, answer["layers"][0]["outputs"]) == (200, [[3]])


def test_only_the_layers_after_an_edit_are_built_again(checker: Checker) -> None:
    layers = [*[CONV] * 30, {"layer": "Flatten"}, {"layer": "Dense", "units": 10}]
    network = {"input": {"shape": [8, 8, 3]}, "layers": layers}
    first = checker.ask(network)[1]
    layers[30:] = [{"layer": "GlobalAveragePooling2D"}, {"layer": "Dense", "units": 5}]
    edited = checker.ask(network)[1]
    assert (first["built"], edited["built"]) == (32, 2)
    assert edited["layers"][:30] == first["layers"][:30]
    assert edited["layers"][-1]["outputs"] == [[5]]
    layers[0] = {**CONV, "filters": 4}
    assert checker.ask(network)[1]["built"] == 32


def test_all_errors_of_a_network_are_found_at_once(checker: Checker) -> None:
    large = {**CONV, "kernel_size": 99, "padding": "valid"}
    layers = [{**large, "name": "a"}, {"layer": "Flatten"}, {**large, "name": "b", "inputs": ["input"]}]
    status, answer = checker.ask({"input": {"shape": [8, 8, 1]}, "layers": layers})
    errors = [layer.get("error", "") for layer in answer["layers"]]
    assert status == 200
    assert "(None, 8, 8, 1)" in errors[0]
    assert "(99, 99, 1, 8)" in errors[0]
    assert "(None, 8, 8, 1)" in errors[2]


def test_ten_requests_at_once(checker: Checker) -> None:
    networks = [{**SMALL, "layers": [{"layer": "Dense", "units": units}] * 20} for units in range(1, 11)]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(checker.ask, networks))
    assert [status for status, _ in answers] == [200] * 10
    assert [answer["layers"][-1]["outputs"] for _, answer in answers] == [[[units]] for units in range(1, 11)]


def test_the_catalogue(checker: Checker) -> None:
    document = json.loads(checker.get(CATALOGUE_PATH))
    layers = document["modules"]["keras.layers"]
    assert layers["classes"]["Conv2D"]["arguments"]["filters"]["required"]
    assert "2D convolution layer" in layers["docs"]["Conv2D"]
