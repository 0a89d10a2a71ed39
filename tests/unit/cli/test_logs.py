"""`epochal logs`: lines of pods, then of the bucket, none twice."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from epochal.client.cluster import Cluster
from epochal.client.failures import ApiError
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.runs.logs import Resumable, count_known

from tests.unit.cli.commands import epochal
from tests.unit.cli.objects import ready, set_status
from tests.unit.cli.stored_results import Stored

STARTED = "2026-11-30T10:00:{:02}.{:09}Z {}"
COMPLETE = [{"type": "Complete", "status": "True", "reason": "Completed", "lastTransitionTime": "2026-11-30T10:00:00Z"}]
FAILED = [COMPLETE[0] | {"type": "Failed", "reason": "InvalidData"}]
Log = Callable[..., Iterator[str]]


def timed(*texts: str) -> list[str]:
    return [STARTED.format(second, 100, text) for second, text in enumerate(texts)]


def put_pod(stored: Stored, name: str, job: dict[str, Any], state: str, created: str = "2026-11-30T10:00:00Z") -> None:
    labels = {"epochal.dev/trainingjob": job["metadata"]["name"], "epochal.dev/trainingjob-uid": job["metadata"]["uid"]}
    pod = {"metadata": {"name": name, "labels": labels, "creationTimestamp": created}, "spec": {}}
    cluster = stored.cluster
    cluster.call(cluster.objects.create, "pods", "vision", pod)
    set_status(cluster, "pods", name, containerStatuses=[{"name": "trainer", "state": {state: {}}}])


def use_log(monkeypatch: pytest.MonkeyPatch, log: Callable[..., Any]) -> list[dict[str, Any]]:
    """Answers requests for logs, and returns the list of these requests."""
    asked: list[dict[str, Any]] = []

    def answer(_: Cluster, pod: str, **options: Any) -> Iterator[str]:
        asked.append({"pod": pod, **options})
        yield from log(pod, len(asked))

    monkeypatch.setattr(Cluster, "log", answer)
    return asked


def test_prints_the_pod_while_it_exists(stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = stored.put_job("mnist", {"training.log": b"old\n"}, state="Running")
    put_pod(stored, "mnist-a", job, "running")
    asked = use_log(monkeypatch, lambda _pod, _number: timed("one", "two \x1b[31m"))
    code, output, errors = epochal("logs", "mnist", folder=tmp_path, variables=stored.variables)
    assert (code, output, errors) == (0, "one\ntwo  [31m\n", "")
    assert asked == [{"pod": "mnist-a", "follow": False, "container": "trainer", "timestamps": True, "since": ""}]


def test_reads_the_bucket_after_the_pod(stored: Stored, tmp_path: Path) -> None:
    stored.put_job("mnist", {"training.log": b"one\ntwo\n"}, state="Complete", conditions=COMPLETE)
    assert epochal("logs", "mnist", folder=tmp_path, variables=stored.variables) == (0, "one\ntwo\n", "")


def test_a_log_of_any_size(stored: Stored, tmp_path: Path) -> None:
    lines = [f"{number} é" + "." * 60_000 for number in range(1120)]  # 64 MiB and more
    log = "".join(f"{line}\n" for line in lines).encode()
    stored.put_job("large", {"training.log": log}, state="Complete", conditions=COMPLETE)
    code, output, errors = epochal("logs", "large", folder=tmp_path, variables=stored.variables)
    assert (code, errors) == (0, "")
    assert output.splitlines() == lines


def test_a_line_over_two_pieces_and_no_line_at_all(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("epochal.runs.folder.PIECE", 4)
    stored.put_job("mnist", {"training.log": "one\n\nthrée\nwithout end".encode()}, state="Complete")
    stored.put_job("empty", {"training.log": b""}, state="Complete")
    assert epochal("logs", "mnist", folder=tmp_path, variables=stored.variables).output == "one\n\nthrée\nwithout end\n"
    assert epochal("logs", "empty", folder=tmp_path, variables=stored.variables) == (0, "", "")


def test_names_the_state_without_any_log(stored: Stored, tmp_path: Path) -> None:
    stored.put_job("mnist", {}, state="Queued")
    code, output, errors = epochal("logs", "mnist", folder=tmp_path, variables=stored.variables)
    assert (code, output) == (ExitCode.NOT_FOUND, "")
    assert "TrainingJob mnist (Queued) has no pod with a log" in errors
    assert "epochal logs --follow mnist" in errors


def test_waits_for_the_pod_and_follows_all_attempts(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = ready("Unschedulable", "no node has a GPU")
    job = stored.put_job("mnist", {"training.log": b"never read\n"}, state="Queued", conditions=waiting)

    def log(pod: str, _number: int) -> Iterator[str]:
        yield from timed(f"{pod} one", f"{pod} two")
        set_status(stored.cluster, "pods", pod, containerStatuses=[{"name": "trainer", "state": {"terminated": {}}}])
        if pod == "mnist-b":
            set_status(stored.cluster, "trainingjobs", "mnist", state="Complete", conditions=COMPLETE)

    use_log(monkeypatch, log)
    steps = iter(
        (
            lambda: put_pod(stored, "mnist-a", job, "running"),
            lambda: put_pod(stored, "mnist-b", job, "running", "2026-11-30T11:00:00Z"),
        )
    )
    code, output, errors = epochal(
        "logs", "-f", "mnist", folder=tmp_path, variables=stored.variables, sleep=lambda _: next(steps, lambda: None)()
    )
    assert code == 0
    assert output.splitlines() == ["mnist-a one", "mnist-a two", "mnist-b one", "mnist-b two"]
    assert errors.splitlines() == [
        "epochal: Queued: Unschedulable: no node has a GPU",
        "epochal: waiting for the next pod",
        "epochal: the log of pod mnist-b:",
    ]


def test_no_line_twice_over_a_broken_connection_and_a_deleted_pod(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored_log = b"one\ntwo\nthree\nfour\n"
    job = stored.put_job("mnist", {"training.log": stored_log}, state="Running")
    put_pod(stored, "mnist-a", job, "running")
    lines = timed("one", "two", "three")

    def log(_pod: str, number: int) -> Iterator[str]:
        if number == 1:
            yield from lines[:2]
            raise EpochalError("the connection broke", exit_code=ExitCode.NO_CONNECTION)
        if number == 2:
            yield from lines[1:]  # the API server begins at a whole second
            set_status(stored.cluster, "trainingjobs", "mnist", state="Failed", conditions=FAILED)
            stored.cluster.call(stored.cluster.objects.delete, "pods", "vision", "mnist-a")
            return
        raise AssertionError

    asked = use_log(monkeypatch, log)
    code, output, errors = epochal("logs", "mnist", "--follow", folder=tmp_path, variables=stored.variables)
    assert output == "one\ntwo\nthree\nfour\n"
    assert asked[1]["since"] == "2026-11-30T10:00:01Z"
    assert code == ExitCode.FAILED
    assert "the connection broke; trying again" in errors
    assert "TrainingJob mnist failed" in errors


def test_no_line_with_control_characters_twice(stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["\x1b[32mone\x1b[0m", "two\r", "10%\r20%", "a\x0bb\x0cc\x1cd\x85e\u2028f", "g\x9b", "", "the end"]
    job = stored.put_job("mnist", {"training.log": "".join(f"{line}\n" for line in lines).encode()}, state="Running")
    put_pod(stored, "mnist-a", job, "running")

    def log(_pod: str, _number: int) -> Iterator[str]:
        yield from timed(*lines[:5])
        set_status(stored.cluster, "trainingjobs", "mnist", state="Complete", conditions=COMPLETE)
        stored.cluster.call(stored.cluster.objects.delete, "pods", "vision", "mnist-a")

    use_log(monkeypatch, log)
    code, output, _ = epochal("logs", "-f", "mnist", folder=tmp_path, variables=stored.variables)
    assert code == 0
    assert output.split("\n") == [" [32mone [0m", "two", "10% 20%", "a b c d e f", "g ", "", "the end", ""]


def test_a_refusal_ends_it(stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = stored.put_job("mnist", {}, state="Running")
    put_pod(stored, "mnist-a", job, "running")

    def log(_pod: str, _number: int) -> Iterator[str]:
        raise ApiError("no right", "ask", exit_code=ExitCode.REFUSED, status=403, reason="Forbidden")
        yield

    use_log(monkeypatch, log)
    code, _, errors = epochal("logs", "mnist", "-f", folder=tmp_path, variables=stored.variables)
    assert (code, errors) == (ExitCode.REFUSED, "epochal: no right\nask\n")


def test_lines_of_the_same_nanosecond_are_all_new_once() -> None:
    log = Resumable()
    same = "2026-11-30T12:00:00.5+02:00 {}"
    assert list(log.new([same.format("a"), same.format("b")])) == ["a", "b"]
    again = [same.format("a"), same.format("b"), same.format("c"), "the rest of a long line"]
    assert list(log.new([*again, "2026-11-30T10:00:00.51Z d"])) == ["c", "the rest of a long line", "d"]
    assert list(log.new([*again, "2026-11-30T10:00:00.51Z d"])) == []


@pytest.mark.parametrize(
    ("printed", "stored", "rest"),
    [
        ([], ["a", "b"], ["a", "b"]),
        (["a"], ["a", "b"], ["b"]),
        (["a", "b"], ["a", "b"], []),
        (["a", "b", "not stored"], ["a", "b", "c"], ["c"]),
        (["x", "same"], ["same", "x", "same", "c", "y", "same", "d"], ["c", "y", "same", "d"]),
        (["other attempt"], ["a"], ["a"]),
    ],
)
def test_the_lines_of_the_bucket_after_the_printed_ones(printed: list[str], stored: list[str], rest: list[str]) -> None:
    assert stored[count_known(printed, iter(stored)) :] == rest


def test_equal_lines_take_linear_time() -> None:
    assert count_known(["."] * 1000, ["."] * 200_000) == 200_000
