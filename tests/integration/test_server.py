"""A whole server: from a bucket to the last answer."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from epochal_api.pod import ExitCode

from tests.kit.kubectl import wait
from tests.kit.models import check_of, signature, softmax
from tests.kit.s3_server import Asked, Handler, Service, refusing
from tests.kit.serving import START_SECONDS, Answer, Process, put, serving, stored

WEIGHTS = np.array([[1, -1], [0.5, 2], [0, 0.25]])
MODEL = softmax(WEIGHTS)
SAMPLES = np.array([[1, 2, 3], [-1, 0, 2]], np.float32)
INFER = "/v2/models/digits/infer"


def probabilities(samples: np.ndarray) -> np.ndarray:
    logits = np.exp(samples @ WEIGHTS)
    return np.asarray(logits / logits.sum(axis=1, keepdims=True), np.float32)


CHECK = check_of({"features": SAMPLES}, {"probabilities": probabilities(SAMPLES)})
SIGNATURE = signature(onnx_file=MODEL, check=CHECK, probabilities=True, classes=["no", "yes"])


def asking(samples: np.ndarray) -> dict[str, object]:
    data = samples.ravel().tolist()
    return {"inputs": [{"name": "features", "shape": list(samples.shape), "datatype": "FP32", "data": data}]}


def answered(answer: Answer) -> np.ndarray:
    assert answer.status == 200, answer.body
    (output,) = answer.json["outputs"]
    return np.array(output["data"]).reshape(output["shape"])


@pytest.fixture
def storage() -> Iterator[Service]:
    service = Service()
    yield service
    service.stop()


@pytest.fixture
def server(storage: Service, tmp_path: Path) -> Iterator[Process]:
    with serving(tmp_path, stored(storage, MODEL, SIGNATURE, CHECK), stay=0.5) as process:
        process.wait()
        yield process


def test_the_server_answers_while_its_storage_is_away(server: Process, storage: Service) -> None:
    storage.stop()
    try:
        for samples in (SAMPLES, SAMPLES[:1]):
            assert answered(server.ask(INFER, asking(samples))) == pytest.approx(probabilities(samples), abs=1e-6)
    finally:
        storage.start()
    assert "passes the check of its export" in server.log()
    metrics = server.metrics()
    assert 'epochal_server_requests_total{code="200",protocol="v2"} 2.0' in metrics
    assert "epochal_server_batch_size_sum 3.0" in metrics
    assert 'epochal_server_predictions_total{class="yes"} 3.0' in metrics
    assert f'epochal_server_info{{model="digits",runtime="ONNX",sha256="{SIGNATURE.models[0].onnx.sha256}"' in metrics  # type: ignore[union-attr]


def test_a_restarted_container_needs_no_storage(storage: Service, tmp_path: Path) -> None:
    config = stored(storage, MODEL, SIGNATURE, CHECK)
    with serving(tmp_path, config) as first:
        first.wait()
    storage.objects.clear()
    with serving(tmp_path, config) as second:
        second.wait()
        assert answered(second.ask(INFER, asking(SAMPLES))) == pytest.approx(probabilities(SAMPLES), abs=1e-6)
        assert "passes the check of its export" in second.log()


def test_the_server_waits_for_its_storage_with_a_reason(storage: Service, tmp_path: Path) -> None:
    config = stored(storage, MODEL)
    storage.stop()
    with serving(tmp_path, config) as server:
        server.wait("waiting for the storage: cannot read s3://bucket/m/")
        answer = server.ask(INFER, asking(SAMPLES))
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert "waiting for the storage" in answer.json["error"]
        assert server.ask("/v2/health/live").status == 200
        storage.start()
        server.wait()


def test_a_readiness_request_during_loading_is_answered_once_ready(storage: Service, tmp_path: Path) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def held_up(asked: Asked, _: Handler) -> bool:
        reached.set()
        return not go_on.wait(START_SECONDS)

    storage.faults.append(held_up)
    with serving(tmp_path, stored(storage, MODEL)) as server, ThreadPoolExecutor() as pool:
        assert reached.wait(START_SECONDS)
        asked = pool.submit(server.ask, "/v2/health/ready")
        assert server.ask("/v2/health/live").status == 200
        assert server.ask(INFER, asking(SAMPLES)).status == 503
        go_on.set()
        assert asked.result().status == 200


def test_the_server_listens_before_it_has_its_configuration(storage: Service, tmp_path: Path) -> None:
    with serving(tmp_path, None) as server:
        until = time.monotonic() + START_SECONDS
        while not server.listens():
            assert time.monotonic() < until, server.log()
            time.sleep(0.01)
        server.configure(stored(storage, MODEL))
        server.wait()


def test_sigterm_ends_a_waiting_start(storage: Service, tmp_path: Path) -> None:
    config = stored(storage, MODEL)
    storage.stop()
    with serving(tmp_path, config) as server:
        server.wait("waiting for the storage")
        server.terminate()
        assert server.exit_code() == 0
    storage.start()


def test_a_model_with_another_digest_is_refused(storage: Service, tmp_path: Path) -> None:
    config = stored(storage, MODEL)
    put(storage, "m/model.onnx", MODEL[:-1])
    with serving(tmp_path, config) as server:
        assert server.exit_code() == ExitCode.BAD_DATA
        assert "ModelDamaged: s3://bucket/m/model.onnx: must have the SHA-256" in server.log()


def test_a_model_that_fails_its_check_is_refused(storage: Service, tmp_path: Path) -> None:
    check = check_of({"features": SAMPLES}, {"probabilities": probabilities(SAMPLES) + 0.001})
    config = stored(storage, MODEL, signature(onnx_file=MODEL, check=check), check)
    with serving(tmp_path, config) as server:
        assert server.exit_code() == ExitCode.BAD_DATA
        assert 'CheckDiffers: s3://bucket/m/model.onnx: output \\"probabilities\\": differs by 0.001' in server.log()


def test_a_file_that_is_no_model_is_refused(storage: Service, tmp_path: Path) -> None:
    with serving(tmp_path, stored(storage, b"GIF89a")) as server:
        assert server.exit_code() == ExitCode.BAD_DATA
        assert "ModelRefused: s3://bucket/m/model.onnx: ONNX Runtime" in server.log()


def test_refused_storage_credentials_end_the_server(storage: Service, tmp_path: Path) -> None:
    storage.faults.append(refusing(403, "SignatureDoesNotMatch", methods=("GET",)))
    with serving(tmp_path, stored(storage, MODEL)) as server:
        assert server.exit_code() == ExitCode.REFUSED
        assert "StorageRefused" in server.log()
        assert "secret-key" not in server.log()


def test_the_access_log_has_the_client_and_not_the_payload(server: Process) -> None:
    answer = server.ask(INFER + "?payload=secret", asking(SAMPLES), {"X-Payload": "secret"})
    server.ask("/v2/models/digits/infer", b"secret")
    server.ask("/nothing")
    server.terminate()
    assert server.exit_code() == 0
    assert [(line["protocol"], line["code"]) for line in server.access_log()] == [
        ("v2", 200),
        ("v2", 400),
        ("other", 404),
    ]
    first = server.access_log()[0]
    assert (first["client"], first["method"], first["path"]) == ("127.0.0.1", "POST", INFER)
    assert (first["received"], first["sent"]) == (len(json.dumps(asking(SAMPLES))), len(answer.body))
    assert "secret" not in (server.folder / "stdout").read_text()


def refuses(server: Process) -> bool:
    """Returns whether the server's port is closed."""
    try:
        socket.create_connection(("127.0.0.1", server.port)).close()
    except ConnectionRefusedError:
        return True
    return False


def test_the_server_ends_after_open_requests_and_is_unready_at_once(storage: Service, tmp_path: Path) -> None:
    body = json.dumps(asking(SAMPLES)).encode()
    with serving(tmp_path, stored(storage, MODEL, SIGNATURE, CHECK), stay=3) as server:
        server.wait()
        kept = server.connection()
        kept.request("POST", INFER, body)
        assert kept.getresponse().read()
        with socket.create_connection(("127.0.0.1", server.port)) as slow:
            head = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            slow.sendall(head + body[:10])
            server.terminate()
            server.wait("the server is shutting down")
            kept.request("POST", INFER, body)  # who does not know yet is answered
            response = kept.getresponse()
            assert (response.status, response.headers["Connection"]) == (200, "close")
            assert response.read()
            wait("it to let nobody in", lambda: refuses(server), seconds=30)
            slow.sendall(body[10:])
            assert slow.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
        assert server.exit_code() == 0


def test_a_server_that_ends_under_load_loses_no_request(storage: Service, tmp_path: Path) -> None:
    faults: list[object] = []
    counts = [0] * 8
    with serving(tmp_path, stored(storage, MODEL, SIGNATURE, CHECK), stay=5) as server:
        server.wait()
        stop = threading.Event()

        def ask(caller: int) -> None:
            connection = server.connection()
            while not stop.is_set():
                sample = np.array([[caller, counts[caller] % 7, 1]], np.float32)
                try:
                    connection.request("POST", INFER, json.dumps(asking(sample)).encode())
                    response = connection.getresponse()
                    found = answered(Answer(response.status, response.read()))
                    if not np.allclose(found, probabilities(sample), atol=1e-6):
                        faults.append((sample, found))
                except OSError as error:
                    faults.append(error)
                    return
                counts[caller] += 1

        callers = [threading.Thread(target=ask, args=(number,)) for number in range(len(counts))]
        for caller in callers:
            caller.start()
        wait("all to be answered", lambda: min(counts) > 0, seconds=30)
        server.terminate()
        server.wait("the server is shutting down")
        before = list(
            counts
        )  # Each is answered twice from now on: once on a connection that says close, once on another.
        wait(
            "all to be answered meanwhile",
            lambda: faults or all(now > was + 1 for now, was in zip(counts, before, strict=True)),
            seconds=30,
            every=0.01,
        )
        stop.set()  # by now, no client sends requests any more
        for caller in callers:
            caller.join()
        assert server.exit_code() == 0
    assert not faults


def test_a_body_that_is_too_large_is_refused_unread(storage: Service, tmp_path: Path) -> None:
    config = stored(storage, MODEL) | {"limits": {"requestBytes": 1000}}
    with serving(tmp_path, config) as server:
        server.wait()
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n".encode())
            answer = client.recv(65536)
            assert answer.startswith(b"HTTP/1.1 413 ")
            assert b"expected at most 1,000 bytes, found 1,000,000,000" in answer
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            client.sendall(b"400\r\n" + 1024 * b"x" + b"\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 413 ")
        assert server.why_not() is None


def test_requests_beyond_the_queue_are_refused_and_the_others_answered(storage: Service, tmp_path: Path) -> None:
    config = stored(storage, MODEL, SIGNATURE, CHECK) | {"limits": {"queuedRequests": 2}}
    statuses: Counter[int] = Counter()
    with serving(tmp_path, config) as server:
        server.wait()

        def ask(caller: int) -> None:
            sample = np.array([[caller, 1, 1]], np.float32)
            for _ in range(5):
                answer = server.ask(INFER, asking(sample))
                statuses[answer.status] += 1
                if answer.status == 200:
                    assert answered(answer) == pytest.approx(probabilities(sample), abs=1e-6)
                else:
                    assert answer.headers["Retry-After"] == "1"

        with ThreadPoolExecutor(32) as callers:
            list(callers.map(ask, range(32)))
        assert set(statuses) <= {200, 429}
        assert statuses[200] > 0
        assert f'epochal_server_requests_total{{code="200",protocol="v2"}} {statuses[200]}.0' in server.metrics()


def test_keys_are_reloaded(storage: Service, tmp_path: Path) -> None:
    keys = tmp_path / "auth"
    keys.mkdir()
    (keys / "first").write_text("key-of-the-first\n")
    with serving(tmp_path, stored(storage, MODEL) | {"auth": True}) as server:
        server.wait()

        def status(key: str | None) -> int:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            return server.ask(INFER, asking(SAMPLES), headers).status

        assert [status(key) for key in (None, "key", "key-of-the-first")] == [401, 401, 200]
        assert server.ask(INFER, asking(SAMPLES)).headers["WWW-Authenticate"] == "Bearer"
        assert server.ask(INFER, asking(SAMPLES), {"X-API-Key": "key-of-the-first"}).status == 200
        (keys / "second").write_text("key-of-the-second")
        (keys / "first").unlink()
        wait("the second key to count", lambda: status("key-of-the-second") == 200, seconds=60)
        assert status("key-of-the-first") == 401


def test_the_server_starts_fast_and_takes_little_memory(server: Process) -> None:
    values = {line.split()[0]: float(line.split()[1]) for line in server.metrics().splitlines() if line[0] != "#"}
    assert values["epochal_server_model_load_seconds"] < 5
    assert values["process_resident_memory_bytes"] < 150e6
