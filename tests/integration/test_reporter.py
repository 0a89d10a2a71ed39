"""The reporter against a real server over TLS."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from epochal_api.trainingjob.report import NetworkSize, Report, Waiting
from epochal_trainer.reporting import answers
from epochal_trainer.reporting import reporter as module
from epochal_trainer.reporting.finish_request import FinishRequest
from epochal_trainer.reporting.reporter import Endpoint, Reporter

from tests.kit.certificates import self_signed
from tests.kit.kubectl import wait

SECONDS = 30.0
"""How long anything may take on a busy machine."""
FIRST = Report(attempt=2, sequence=0, stage="Loading", epochs=5)


def certificate(folder: Path) -> tuple[Path, Path]:
    pair, paths = self_signed("127.0.0.1", ca=True), (folder / "tls.crt", folder / "tls.key")
    for path, content in zip(paths, pair, strict=True):
        path.write_text(content)
    return paths


class Operator:
    """A progress endpoint with answers that the test sets; it holds them back until `answers_now` is set."""

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
                answer = operator.says.encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(answer)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

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
        """Seconds between one request and the next."""
        return [later - earlier for earlier, later in pairwise(self.times)]

    def until(self, reports: int) -> None:
        """Waits for so many accepted reports."""
        wait(f"{reports} reports", lambda: len(self.reports) >= reports, seconds=SECONDS, every=0.01)

    def until_asked(self, times: int) -> None:
        """Waits for so many requests."""
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


def test_changes_are_sent_at_once_and_the_last_state_at_the_end(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INTERVAL", 10 * SECONDS)  # longer than any test
    reporter = started(operator)
    operator.until(1)
    reporter.send(stage="Training", epoch=1, metrics={"loss": 0.5})
    operator.until(2)
    reporter.set_fields(epoch=2)
    time.sleep(0.2)
    assert len(operator.reports) == 2, "the next report has it"
    reporter.send(stage="Done")
    last = reporter.close()
    assert [found["stage"] for found in operator.reports] == ["Loading", "Training", "Done"]
    assert [found["sequence"] for found in operator.reports] == [1, 2, 3]
    assert [found["epoch"] for found in operator.reports] == [0, 1, 2]
    assert operator.reports[1]["metrics"] == {"loss": 0.5}
    assert last == Report.model_validate(operator.reports[-1])


def test_steps_are_sent_at_intervals_if_they_changed(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL", 0.1)
    reporter = started(operator)
    operator.until(1)
    time.sleep(0.5)
    assert len(operator.reports) == 1
    reporter.step_fields = lambda: {"step": 7}
    operator.until(2)
    time.sleep(0.5)
    reporter.close()
    assert [found["step"] for found in operator.reports] == [0, 7]


def test_the_token_is_read_each_time(operator: Operator) -> None:
    reporter = started(operator)
    operator.until(1)
    operator.endpoint.token_file.write_text("second")
    reporter.send(epoch=1)
    operator.until(2)
    reporter.close()
    assert operator.tokens == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize("answer", [(500, {}), (429, {"Retry-After": "1"}), (401, {})])
def test_a_failed_report_is_repeated_with_the_latest_state(
    operator: Operator, answer: tuple[int, dict[str, str]]
) -> None:
    operator.answers = [answer]
    operator.answers_now.clear()
    reporter = started(operator)
    operator.until_asked(1)
    reporter.send(epoch=1)
    reporter.send(epoch=2)
    operator.answers_now.set()
    operator.until(1)
    assert min(operator.pauses) > 0.8
    reporter.close()
    assert [found["epoch"] for found in operator.reports] == [2]


@pytest.mark.parametrize("status", [403, 404, 422])
def test_a_refused_report_is_repeated_seldom_and_at_the_end(
    operator: Operator, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    operator.answers = [(status, {})] * 2
    kept: list[Report] = []
    reporter = Reporter(FIRST, operator.endpoint, on_report=kept.append)
    reporter.start()
    wait("it to be refused", lambda: len(operator.answers) == 1, seconds=SECONDS, every=0.01)
    reporter.send(epoch=1)
    began = time.monotonic()
    reporter.wait_for_answer(3 * SECONDS)
    assert time.monotonic() - began < 2 * SECONDS
    time.sleep(0.5)
    assert len(operator.answers) == 1
    assert reporter.close().epoch == 1
    assert not reporter._thread.is_alive()
    assert kept[-1].epoch == 1
    assert (operator.answers, operator.reports) == ([], [])
    assert caplog.text.count("refuses progress reports") == 1


def test_a_new_operator_that_accepts_reports_gets_them(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REFUSED_DELAY", 0.2)
    operator.answers = [(404, {}), (422, {})]
    reporter = started(operator)
    operator.until(1)
    reporter.close()


def asks(steps: float, news: float = 0.0) -> str:
    return json.dumps({"message": "so be it", "reportAfterSeconds": steps, "epochAfterSeconds": news})


def test_steps_come_at_the_operators_interval_and_the_end_of_an_epoch_at_once(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for answer in (module, answers):
        monkeypatch.setattr(answer, "INTERVAL", 0.1)
    operator.says = asks(steps=10 * SECONDS)
    reporter = started(operator)
    steps = iter(range(1_000_000))
    reporter.step_fields = lambda: {"step": next(steps)}
    operator.until(1)
    time.sleep(0.5)
    assert len(operator.reports) == 1
    reporter.send(epoch=1)
    operator.until(2)
    operator.says = asks(steps=0.2)
    reporter.send(epoch=2)
    operator.until(6)
    reporter.close()


def test_ends_of_short_epochs_come_at_the_operators_interval(operator: Operator) -> None:
    operator.says = asks(steps=5, news=0.4)
    reporter = started(operator)
    epochs = count()
    while len(operator.reports) < 3:
        reporter.send(epoch=(epoch := next(epochs)))
        time.sleep(0.01)
    reporter.close()
    assert operator.reports[-1]["epoch"] == epoch > 2 * len(operator.reports)
    *pauses, _ = operator.pauses  # the last report is sent at once
    assert min(pauses) > 0.39


def test_the_end_of_an_epoch_is_sent_before_retry_after(operator: Operator) -> None:
    operator.answers = [(429, {"Retry-After": "15"})]
    operator.says = asks(steps=60)
    reporter = started(operator)
    operator.until_asked(1)
    time.sleep(0.2)
    assert operator.reports == []
    reporter.send(epoch=1)
    operator.until(1)
    assert operator.pauses[0] < 15
    reporter.close()


def test_a_change_that_was_refused_is_sent_at_the_operators_interval(operator: Operator) -> None:
    reporter = started(operator)
    operator.until(1)
    operator.answers = [(429, {"Retry-After": "1"})] * 2
    operator.says = asks(steps=60, news=0.4)
    reporter.send(epoch=1)
    operator.until(2)
    assert operator.reports[-1]["epoch"] == 1
    reporter.close()


def test_the_answer_requests_finish(operator: Operator) -> None:
    finish = FinishRequest()
    reporter = Reporter(FIRST, operator.endpoint, finish=finish)
    operator.says = json.dumps({"message": "applied", "finish": True, "finishAfterEpoch": 2})
    reporter.start()
    reporter.send(stage="Training")
    reporter.wait_for_answer(10)
    assert operator.reports[-1]["stage"] == "Training"
    assert finish.last_epoch(1) == 2
    operator.says = json.dumps({"message": "applied", "finish": False})
    reporter.send(epoch=1)
    reporter.wait_for_answer(10)
    reporter.close()
    assert finish.last_epoch(1) is None


def test_the_request_to_finish_arrives_once_the_operator_is_back(operator: Operator) -> None:
    finish = FinishRequest()
    operator.answers = [(503, {})]
    operator.says = json.dumps({"message": "applied", "finish": True})
    reporter = Reporter(FIRST, operator.endpoint, finish=finish)
    reporter.wait_for_answer(60)  # It does not run yet, as where there is no operator.
    operator.answers_now.clear()
    reporter.start()
    reporter.wait_for_answer(0.2)  # It has no answer by then.
    assert finish.last_epoch(1) is None
    operator.answers_now.set()
    operator.until(1)
    reporter.wait_for_answer(10)
    reporter.close()
    assert finish.last_epoch(1) == 1


def test_an_unchanged_report_is_sent_at_intervals(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL", 0.1)
    monkeypatch.setattr(module, "RESEND_SECONDS", 0.2)
    reporter = started(operator)
    operator.until(3)
    reporter.close()
    assert {found["sequence"] for found in operator.reports} == {1}, "the same state has the same number"


def test_refused_reports_back_off(operator: Operator) -> None:
    reporter = started(operator)
    operator.until(1)
    operator.answers = [(429, {"Retry-After": "15"})] * 20
    operator.says = asks(steps=60)
    reporter.send(epoch=1)
    operator.until_asked(4)
    _, first, second = operator.pauses[:3]
    assert first > 0.99
    assert second > 1.99
    reporter.close(seconds=0.1)


WAITING = Waiting(reason="EndpointUnreachable", message="refused", since=datetime.now(UTC))
NOT_COUNTED = FIRST.model_copy(update={"attempt": 0})


def test_before_its_number_is_known_an_attempt_reports_only_waiting(operator: Operator) -> None:
    reporter = Reporter(NOT_COUNTED, operator.endpoint)
    reporter.start()
    reporter.send(network=NetworkSize(parameters=5, layers=1))
    time.sleep(0.3)
    assert operator.reports == []
    reporter.send(waiting=WAITING)
    operator.until(1)
    reporter.send(waiting=None)
    time.sleep(0.3)
    reporter.send(attempt=3)
    operator.until(2)
    reporter.close()
    first, second = operator.reports
    assert (first["attempt"], first["waiting"]["reason"]) == (0, "EndpointUnreachable")
    assert (second["attempt"], "waiting" in second) == (3, False)


def test_before_its_number_is_known_an_attempt_reports_its_stage_at_an_interval(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INTERVAL", 10 * SECONDS)  # longer than any test
    checked = threading.Event()
    reporter = Reporter(NOT_COUNTED, operator.endpoint, on_report=lambda _: checked.set())
    reporter.start()
    assert checked.wait(SECONDS)
    reporter.set_start_stage("BuildingNetwork")
    time.sleep(0.3)
    assert operator.reports == [], "a stage has no report of its own"
    reporter.close()
    monkeypatch.setattr(module, "INTERVAL", 0.1)
    operator.reports.clear()
    reporter = Reporter(NOT_COUNTED, operator.endpoint)
    reporter.start()
    reporter.set_start_stage("BuildingNetwork")
    operator.until(1)
    reporter.set_start_stage("RestoringCheckpoint")
    operator.until(2)
    reporter.close()
    stages = [(found["attempt"], found["startStage"]) for found in operator.reports]
    assert stages == [(0, "BuildingNetwork"), (0, "RestoringCheckpoint")]


def test_an_older_operator_may_refuse_a_report_without_attempt(operator: Operator) -> None:
    operator.answers = [(422, {})]
    reporter = Reporter(NOT_COUNTED.model_copy(update={"waiting": WAITING}), operator.endpoint)
    reporter.start()
    operator.until_asked(1)
    reporter.send(attempt=1, waiting=None)
    operator.until(1)
    reporter.close()
    assert [found["attempt"] for found in operator.reports] == [1]


def test_a_report_has_the_peak_of_memory_and_is_kept(operator: Operator) -> None:
    kept: list[Report] = []
    reporter = Reporter(FIRST, operator.endpoint, on_report=kept.append, memory=lambda: 2**30)
    reporter.start()
    operator.until(1)
    assert reporter.close().peak_memory == 2**30
    assert operator.reports[-1]["peakMemory"] == 2**30
    assert kept[-1] == Report.model_validate(operator.reports[-1])


def test_a_missing_operator_delays_nothing(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    operator.stop()
    reporter = started(operator)
    for epoch in range(1000):
        reporter.send(epoch=epoch)
        reporter.step_fields()
    began = time.monotonic()
    assert reporter.close(seconds=0.5).epoch == 999
    assert time.monotonic() - began < module.CLOSE_SECONDS


def test_a_slow_operator_delays_nothing(operator: Operator) -> None:
    operator.answers_now.clear()
    reporter = started(operator)
    operator.until_asked(1)
    for epoch in range(1000):
        reporter.send(epoch=epoch)
    assert operator.reports == [], "all of them were told while it had not answered yet"
    operator.answers_now.set()
    assert reporter.close().epoch == 999
    assert operator.reports[-1]["epoch"] == 999
    assert len(operator.reports) < 5


def test_a_server_with_an_untrusted_certificate_gets_no_token(operator: Operator, tmp_path: Path) -> None:
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
    reporter.send(epoch=3)
    assert (reporter.close().epoch, reporter.close().attempt) == (3, 2)
