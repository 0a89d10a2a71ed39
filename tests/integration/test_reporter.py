"""The reporter against a real server over TLS."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from epochal_api.trainingjob.report import NetworkSize, Report, Waiting
from epochal_trainer.reporting import answers
from epochal_trainer.reporting import reporter as module
from epochal_trainer.reporting.finish import Finish
from epochal_trainer.reporting.reporter import Endpoint, Reporter

from tests.kit.kubectl import wait

SECONDS = 30.0
"""How long anything may take on a busy machine."""
FIRST = Report(attempt=2, sequence=0, stage="Loading", epochs=5)


def certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "operator")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(minutes=5))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "tls.crt", folder / "tls.key"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption()))
    return paths


class Operator:
    """Takes reports and answers as it is told to.

    Attributes:
        times: When each request came.
        answers_now: Whether it answers; else it does so once it is set.
    """

    def __init__(self, folder: Path) -> None:
        self.reports: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.times: list[float] = []
        self.answers_now = threading.Event()
        self.answers_now.set()
        self.says = ""
        ca_file, key_file = certificate(folder)
        operator = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                operator.times.append(time.monotonic())
                operator.tokens.append(self.headers["Authorization"])
                operator.answers_now.wait(SECONDS)
                status, headers = operator.answers.pop(0) if operator.answers else (200, {})
                if status == 200:
                    operator.reports.append(json.loads(body))
                said = operator.says.encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(said)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(ca_file, key_file)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        token_file = folder / "token"
        token_file.write_text("first\n")
        url = f"https://127.0.0.1:{self.server.server_port}/v1alpha1/namespaces/n/trainingjobs/j/progress"
        self.endpoint = Endpoint(url, ca_file=ca_file, token_file=token_file)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    @property
    def pauses(self) -> list[float]:
        """The seconds from each request to the next: what was waited for in between, or more."""
        return [later - earlier for earlier, later in pairwise(self.times)]

    def until(self, reports: int) -> None:
        """Waits until it has taken so many reports."""
        wait(f"{reports} reports", lambda: len(self.reports) >= reports, seconds=SECONDS, every=0.01)

    def until_asked(self, times: int) -> None:
        """Waits until so many requests have come."""
        wait(f"{times} requests", lambda: len(self.times) >= times, seconds=SECONDS, every=0.01)

    def stop(self) -> None:
        self.answers_now.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operator]:
    monkeypatch.setattr(module, "TIMEOUT", SECONDS)
    running = Operator(tmp_path)
    yield running
    running.stop()


def started(operator: Operator) -> Reporter:
    reporter = Reporter(FIRST, operator.endpoint)
    reporter.start()
    return reporter


def test_news_are_sent_at_once_and_the_last_state_at_the_end(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INTERVAL", 10 * SECONDS)  # nobody waits for so long here
    reporter = started(operator)
    operator.until(1)
    reporter.update(stage="Training", epoch=1, metrics={"loss": 0.5})
    operator.until(2)
    reporter.update(stage="Done")
    last = reporter.close()
    assert [found["stage"] for found in operator.reports] == ["Loading", "Training", "Done"]
    assert [found["sequence"] for found in operator.reports] == [1, 2, 3]
    assert operator.reports[1]["metrics"] == {"loss": 0.5}
    assert last == Report.model_validate(operator.reports[-1])


def test_steps_are_sent_from_time_to_time_and_only_if_there_are_any(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INTERVAL", 0.1)
    reporter = started(operator)
    operator.until(1)
    time.sleep(0.5)
    assert len(operator.reports) == 1
    reporter.position = lambda: {"step": 7}
    operator.until(2)
    time.sleep(0.5)
    reporter.close()
    assert [found["step"] for found in operator.reports] == [0, 7]


def test_the_token_is_read_each_time(operator: Operator) -> None:
    reporter = started(operator)
    operator.until(1)
    operator.endpoint.token_file.write_text("second")
    reporter.update(epoch=1)
    operator.until(2)
    reporter.close()
    assert operator.tokens == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize("answer", [(500, {}), (429, {"Retry-After": "1"}), (401, {})])
def test_it_tries_again_with_the_latest_state(operator: Operator, answer: tuple[int, dict[str, str]]) -> None:
    operator.answers = [answer]
    operator.answers_now.clear()
    reporter = started(operator)
    operator.until_asked(1)
    reporter.update(epoch=1)
    reporter.update(epoch=2)
    operator.answers_now.set()
    operator.until(1)
    assert min(operator.pauses) > 0.8
    reporter.close()
    assert [found["epoch"] for found in operator.reports] == [2]


@pytest.mark.parametrize("status", [403, 404, 422])
def test_where_it_is_refused_it_tries_seldom_and_at_the_end(
    operator: Operator, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    operator.answers = [(status, {})] * 2
    kept: list[Report] = []
    reporter = Reporter(FIRST, operator.endpoint, keep=kept.append)
    reporter.start()
    wait("it to be refused", lambda: len(operator.answers) == 1, seconds=SECONDS, every=0.01)
    reporter.update(epoch=1)
    time.sleep(0.5)
    assert len(operator.answers) == 1
    assert reporter.close().epoch == 1
    assert not reporter._thread.is_alive()
    assert kept[-1].epoch == 1
    assert (operator.answers, operator.reports) == ([], [])
    assert caplog.text.count("refuses progress reports") == 1


def test_an_operator_that_is_replaced_by_one_that_takes_reports_gets_them(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFUSED_DELAY", 0.2)
    operator.answers = [(404, {}), (422, {})]
    reporter = started(operator)
    operator.until(1)
    reporter.close()


def asks(steps: float, news: float = 0.0) -> str:
    return json.dumps({"message": "so be it", "reportAfterSeconds": steps, "epochAfterSeconds": news})


def test_steps_come_as_often_as_the_operator_asks_and_an_epochs_end_at_once(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in (module, answers):
        monkeypatch.setattr(each, "INTERVAL", 0.1)
    operator.says = asks(steps=10 * SECONDS)
    reporter = started(operator)
    steps = iter(range(1_000_000))
    reporter.position = lambda: {"step": next(steps)}
    operator.until(1)
    time.sleep(0.5)
    assert len(operator.reports) == 1
    reporter.update(epoch=1)
    operator.until(2)
    operator.says = asks(steps=0.2)
    reporter.update(epoch=2)
    operator.until(6)
    reporter.close()


def test_ends_of_short_epochs_come_as_often_as_the_operator_asks(operator: Operator) -> None:
    operator.says = asks(steps=5, news=0.4)
    reporter = started(operator)
    epochs = count()
    while len(operator.reports) < 3:
        reporter.update(epoch=(epoch := next(epochs)))
        time.sleep(0.01)
    reporter.close()
    assert operator.reports[-1]["epoch"] == epoch > 2 * len(operator.reports)
    *pauses, _ = operator.pauses  # the last report is sent at once
    assert min(pauses) > 0.39


def test_an_operator_that_has_enough_of_steps_gets_the_end_of_an_epoch(operator: Operator) -> None:
    operator.answers = [(429, {"Retry-After": "15"})]
    operator.says = asks(steps=60)
    reporter = started(operator)
    operator.until_asked(1)
    time.sleep(0.2)
    assert operator.reports == []
    reporter.update(epoch=1)
    operator.until(1)
    assert operator.pauses[0] < 15
    reporter.close()


def test_news_that_come_too_soon_are_sent_again_when_news_may_come(operator: Operator) -> None:
    reporter = started(operator)
    operator.until(1)
    operator.answers = [(429, {"Retry-After": "1"})] * 2
    operator.says = asks(steps=60, news=0.4)
    reporter.update(epoch=1)
    operator.until(2)
    assert operator.reports[-1]["epoch"] == 1
    reporter.close()


def test_the_answer_says_whether_to_finish(operator: Operator) -> None:
    finish = Finish()
    reporter = Reporter(FIRST, operator.endpoint, finish=finish)
    operator.says = json.dumps({"message": "applied", "finish": True, "finishAfterEpoch": 2})
    reporter.start()
    reporter.update(stage="Training")
    reporter.settle(10)
    assert operator.reports[-1]["stage"] == "Training"
    assert finish.after(1) == 2
    operator.says = json.dumps({"message": "applied", "finish": False})
    reporter.update(epoch=1)
    reporter.settle(10)
    reporter.close()
    assert finish.after(1) is None


def test_an_operator_that_is_away_is_not_waited_for_long_and_says_it_when_it_is_back(operator: Operator) -> None:
    finish = Finish()
    operator.answers = [(503, {})]
    operator.says = json.dumps({"message": "applied", "finish": True})
    reporter = Reporter(FIRST, operator.endpoint, finish=finish)
    reporter.settle(60)  # It does not run yet, as where there is no operator.
    operator.answers_now.clear()
    reporter.start()
    reporter.settle(0.2)  # It has no answer by then.
    assert finish.after(1) is None
    operator.answers_now.set()
    operator.until(1)
    reporter.settle(10)
    reporter.close()
    assert finish.after(1) == 1


def test_it_asks_again_from_time_to_time_even_if_nothing_is_new(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INTERVAL", 0.1)
    monkeypatch.setattr(module, "ASK_AGAIN", 0.2)
    reporter = started(operator)
    operator.until(3)
    reporter.close()
    assert {found["sequence"] for found in operator.reports} == {1}, "the same state has the same number"


def test_an_operator_that_wants_no_news_now_and_does_not_say_when_is_not_flooded(operator: Operator) -> None:
    reporter = started(operator)
    operator.until(1)
    operator.answers = [(429, {"Retry-After": "15"})] * 20
    operator.says = asks(steps=60)
    reporter.update(epoch=1)
    operator.until_asked(4)
    _, first, second = operator.pauses[:3]
    assert first > 0.99
    assert second > 1.99
    reporter.close(seconds=0.1)


WAITING = Waiting(reason="EndpointUnreachable", message="refused", since=datetime.now(UTC))
NOT_COUNTED = FIRST.model_copy(update={"attempt": 0})


def test_an_attempt_that_is_not_known_reports_only_what_it_waits_for(operator: Operator) -> None:
    reporter = Reporter(NOT_COUNTED, operator.endpoint)
    reporter.start()
    reporter.update(network=NetworkSize(parameters=5, layers=1))
    time.sleep(0.3)
    assert operator.reports == []
    reporter.update(waiting=WAITING)
    operator.until(1)
    reporter.update(waiting=None)
    time.sleep(0.3)
    reporter.update(attempt=3)
    operator.until(2)
    reporter.close()
    first, second = operator.reports
    assert (first["attempt"], first["waiting"]["reason"]) == (0, "EndpointUnreachable")
    assert (second["attempt"], "waiting" in second) == (3, False)


def test_an_older_operator_may_refuse_an_attempt_that_is_not_known(operator: Operator) -> None:
    operator.answers = [(422, {})]
    reporter = Reporter(NOT_COUNTED.model_copy(update={"waiting": WAITING}), operator.endpoint)
    reporter.start()
    operator.until_asked(1)
    reporter.update(attempt=1, waiting=None)
    operator.until(1)
    reporter.close()
    assert [found["attempt"] for found in operator.reports] == [1]


def test_it_tells_the_peak_of_memory_and_keeps_what_it_sends(operator: Operator) -> None:
    kept: list[Report] = []
    reporter = Reporter(FIRST, operator.endpoint, keep=kept.append, memory=lambda: 2**30)
    reporter.start()
    operator.until(1)
    assert reporter.close().peak_memory == 2**30
    assert operator.reports[-1]["peakMemory"] == 2**30
    assert kept[-1] == Report.model_validate(operator.reports[-1])


def test_nobody_waits_for_an_operator_that_is_gone(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    operator.stop()
    reporter = started(operator)
    for epoch in range(1000):
        reporter.update(epoch=epoch)
        reporter.position()
    began = time.monotonic()
    assert reporter.close(seconds=0.5).epoch == 999
    assert time.monotonic() - began < module.LAST_CHANCE


def test_nobody_waits_for_an_operator_that_is_slow(operator: Operator) -> None:
    operator.answers_now.clear()
    reporter = started(operator)
    operator.until_asked(1)
    for epoch in range(1000):
        reporter.update(epoch=epoch)
    assert operator.reports == [], "all of them were told while it had not answered yet"
    operator.answers_now.set()
    assert reporter.close().epoch == 999
    assert operator.reports[-1]["epoch"] == 999
    assert len(operator.reports) < 5


def test_a_server_that_the_authority_does_not_vouch_for_is_told_nothing(operator: Operator, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    endpoint = Endpoint(operator.endpoint.url, ca_file=certificate(other)[0], token_file=operator.endpoint.token_file)
    reporter = Reporter(FIRST, endpoint)
    reporter.start()
    reporter.close(seconds=0.5)
    assert operator.tokens == []


def test_without_an_operator_the_state_is_kept() -> None:
    reporter = Reporter(FIRST, None)
    reporter.start()
    reporter.update(epoch=3)
    assert (reporter.close().epoch, reporter.close().attempt) == (3, 2)
