"""Hostile specs and data are refused with a clear error, within the memory of a small pod and within minutes.

Here is one of each kind; all others are in the trainer's own tests of its formats and networks.
"""

import gzip
import io
import json
import pickle
import time
import unicodedata
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from minio import Minio

from tests.kit import buckets
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import Object, Refused, kubectl

HOSTILE = "hostile-data"
LIMIT = "1Gi"
SECONDS = 180
"""For a trainer to start, to look at its input and to end, with others beside it on two cores."""
ESCAPE = "\x1b]0;owned\x07\x1b[31m"
"""Sets a terminal's title and its colour, where it is printed as it is."""

BOMB = 20 * 64 * 1024**2
"""Bytes that a bomb expands to: more than the limit."""
ZEROS = bytes(64 * 1024**2)
LABELS = np.arange(100, dtype=np.uint8) % 10


class Eval:
    def __reduce__(self) -> tuple[Any, ...]:
        return eval, ("__import__('os').system('touch /tmp/owned')",)


def npy_header(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.getvalue()


def zeros(size: int) -> Iterator[bytes]:
    for _ in range(size // len(ZEROS)):
        yield ZEROS


def gzipped(head: bytes, size: int) -> bytes:
    """Returns a gzip file of a head and so many zeros: a member for each part, so that it is quick to make."""
    part = gzip.compress(ZEROS, compresslevel=1)
    return gzip.compress(head) + part * (size // len(ZEROS))


def zipped(**members: tuple[bytes, int]) -> bytes:
    """Returns an npz of members, each a head and so many zeros."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, (head, size) in members.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                member.write(head)
                for part in zeros(size):
                    member.write(part)
    return file.getvalue()


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def hostile() -> dict[str, bytes]:
    """Returns objects by their keys; the bombs take seconds to make."""
    return {
        "eval.pkl": pickle.dumps((Eval(), LABELS)),
        "control.npz": npz(**{ESCAPE: LABELS}),
        "bomb.npz": zipped(x=(npy_header((BOMB // 64, 8, 8)), BOMB), y=(npy_header((BOMB // 64,)), 0)),
        "bomb-pickle.gz": gzipped(b"\x80\x04\x8e" + BOMB.to_bytes(8, "little"), BOMB),
    }


DENSE = {"layer": "Dense", "units": 10, "activation": "softmax"}


def data(**train: str) -> Object:
    return {"data__bucket": HOSTILE, "data__train": train, "data__validation": None, "data__test": None}


INPUT: dict[str, tuple[Object, set[str], list[str]]] = {
    # name: (changes of the spec, allowed reasons, words of the message)
    "eval": (data(object="eval.pkl"), {"UnsafePickle"}, ["eval.pkl", "eval"]),
    "bomb-npz": (data(object="bomb.npz"), {"DataTooLarge"}, ["bomb.npz", "spec.resources.limits.memory"]),
    "bomb-pickle": (data(object="bomb-pickle.gz"), {"DataTooLarge", "UnsafePickle"}, ["bomb-pickle.gz"]),
    "huge-network": (
        {"network__layers": [{"layer": "Flatten"}, DENSE | {"units": 10**6}, DENSE | {"units": 10**6}, DENSE]},
        {"InvalidNetwork"},
        ["1,000,0", "parameters", "spec.resources.limits.memory"],
    ),
    "control-in-array": (data(object="control.npz"), {"MissingArrays"}, ["control.npz", r"\x1b]0;owned\x07"]),
}


@pytest.fixture(scope="module", autouse=True)
def _applied(store: Minio, namespace: Namespace) -> None:
    buckets.fill(store, HOSTILE, [])
    for name, content in hostile().items():
        store.put_object(HOSTILE, name, io.BytesIO(content), len(content))
    resources = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": LIMIT}}
    for name, (changes, _, _) in INPUT.items():
        create(namespace, digits(name, resources=resources, **changes))


def create(namespace: Namespace, job: Object) -> None:
    """Creates a job without the annotation in which `kubectl apply` keeps a copy of it."""
    kubectl("create", "--namespace", namespace.name, "--filename", "-", stdin=json.dumps(job))


def control(text: str) -> list[str]:
    """Returns the control characters in a text that are more than a new line."""
    return [character for character in text if unicodedata.category(character) == "Cc" and character not in "\n\t"]


@pytest.mark.parametrize("name", INPUT)
def test_hostile_input_is_refused_within_time_and_memory(namespace: Namespace, name: str) -> None:
    _, reasons, words = INPUT[name]
    status = namespace.finish(name, seconds=300)
    assert status["state"] == "Failed", namespace.describe(name)
    failed = namespace.condition("Failed", name)
    assert failed["reason"] in reasons, failed
    assert [word for word in words if word not in failed["message"]] == [], failed["message"]
    assert control(failed["message"]) == []
    pods = namespace.pods(name)
    assert len(pods) == (0 if failed["reason"] == "InvalidSpec" else 1), "it was not tried, or tried again"
    for pod in pods:
        (container,) = pod["status"]["containerStatuses"]
        ended = container["state"]["terminated"]
        assert ended["exitCode"] in {64, 65}, ended
        begun, over = (datetime.fromisoformat(ended[key]) for key in ("startedAt", "finishedAt"))
        assert (over - begun).total_seconds() < SECONDS
        assert control(kubectl("logs", pod["metadata"]["name"], "--namespace", namespace.name)) == []


def test_a_megabyte_of_layers_is_refused_without_a_pod(namespace: Namespace) -> None:
    many = [{"layer": "Dense", "units": 10, "quantization_config": "x" * 1000} for _ in range(1000)]
    begun = time.monotonic()
    create(namespace, digits("megabyte", network__layers=many))
    namespace.finish("megabyte", seconds=30)
    assert time.monotonic() - begun < 30
    failed = namespace.condition("Failed", "megabyte")
    assert failed["reason"] == "InvalidSpec"
    assert "must fit in 131072 bytes as JSON, found 10" in failed["message"]
    assert namespace.pods("megabyte") == []


def test_more_layers_than_allowed_are_refused_at_once(namespace: Namespace) -> None:
    with pytest.raises(Refused, match=r"spec\.network\.layers: Too many"):
        create(namespace, digits("many", network__layers=[DENSE] * 1001))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"network__layers": [DENSE | {"name": f"dense{ESCAPE}"}]}, "spec.network.layers[0].name"),
        ({"network__layers": [DENSE | {"layer": f"Dense{ESCAPE}"}]}, "spec.network.layers[0].layer"),
        ({"network__layers": [DENSE | {"inputs": [f"input{ESCAPE}"]}]}, "spec.network.layers[0].inputs[0]"),
        ({"network__input": {"shape": [8], "dtype": f"int8{ESCAPE}"}}, "spec.network.input.dtype"),
        ({"data__bucket": f"digits{ESCAPE}"}, "spec.data.bucket"),
        ({"data__prefix": f"digits{ESCAPE}/"}, "spec.data.prefix"),
        ({"data__train": {"object": f"digits{ESCAPE}.npz"}}, "spec.data.train.object"),
        ({"results__bucket": f"digits{ESCAPE}"}, "spec.results.bucket"),
        ({"results__prefix": f"digits{ESCAPE}/"}, "spec.results.prefix"),
        ({"storage__endpoint": f"http://minio{ESCAPE}"}, "spec.storage.endpoint"),
        ({"storage__secretRef": {"name": f"secret{ESCAPE}"}}, "spec.storage.secretRef.name"),
        ({"image": f"trainer{ESCAPE}"}, "spec.image"),
        ({"training__callbacks": [{"callback": f"EarlyStopping{ESCAPE}"}]}, "spec.training.callbacks[0].callback"),
    ],
)
def test_control_characters_in_names_are_refused_at_once(namespace: Namespace, changes: Object, field: str) -> None:
    with pytest.raises(Refused) as refused:
        create(namespace, digits("control", **changes))
    assert field in str(refused.value)
