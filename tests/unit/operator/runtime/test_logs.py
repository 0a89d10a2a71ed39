"""Log lines: JSON, one a line, about one TrainingJob, without secrets."""

import asyncio
import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from epochal_operator.runtime import logs
from hypothesis import given
from hypothesis import strategies as st

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOlsiZXBvY2hhbC5kZXYiXX0.c2lnbmF0dXJl"
KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIA\n-----END EC PRIVATE KEY-----\n"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.level, root.handlers[:], sys.excepthook
    output = io.StringIO()
    logs.configure("info", output)
    yield output
    logging.captureWarnings(capture=False)
    root.level, root.handlers[:], sys.excepthook = before


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("epochal.test", logging.INFO, __file__, 1, message, args, None)
    vars(made).update(extra)
    return made


def test_a_line_says_when_where_and_what(stream: io.StringIO) -> None:
    logging.getLogger("epochal.queue").warning("%d jobs wait", 3)
    (line,) = lines(stream)
    assert line.pop("ts").endswith("+00:00")
    assert line == {"level": "warning", "logger": "epochal.queue", "message": "3 jobs wait"}


def test_the_level_holds(stream: io.StringIO) -> None:
    logging.getLogger("epochal").debug("unseen")
    assert lines(stream) == []


def test_an_unknown_level_is_an_error() -> None:
    with pytest.raises(ValueError, match="LOUD"):
        logs.configure("loud")


async def test_a_job_is_named_in_tasks_started_for_it(stream: io.StringIO) -> None:
    log = logging.getLogger("epochal")

    async def work() -> None:
        log.info("inside")

    with logs.about("vision", "mnist"):
        task = asyncio.create_task(work())
    log.info("outside")
    await task
    outside, inside = lines(stream)
    assert (inside["namespace"], inside["name"]) == ("vision", "mnist")
    assert "name" not in outside


def test_subjects_nest() -> None:
    form = logs.JsonFormatter().format
    with logs.about("a", "outer"):
        with logs.about("b", "inner"):
            assert json.loads(form(record("x")))["name"] == "inner"
        assert json.loads(form(record("x")))["name"] == "outer"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (
            {"apiVersion": "epochal.dev/v1alpha1", "kind": "TrainingJob", "namespace": "vision", "name": "mnist"},
            {"namespace": "vision", "name": "mnist"},
        ),
        (
            {"apiVersion": "v1", "kind": "Pod", "namespace": "vision", "name": "mnist-0-x7k2p"},
            {"namespace": "vision", "object": "Pod/mnist-0-x7k2p"},
        ),
        (None, {}),
    ],
)
def test_kopf_names_its_object(reference: dict[str, Any] | None, expected: dict[str, str]) -> None:
    line = json.loads(logs.JsonFormatter().format(record("handled", k8s_ref=reference)))
    assert {key: line[key] for key in ("namespace", "name", "object") if key in line} == expected


def test_an_exception_is_a_field(stream: io.StringIO) -> None:
    try:
        int("lost\nline")
    except ValueError:
        logging.getLogger("epochal").exception("failed")
    (line,) = lines(stream)
    assert line["exception"].startswith("Traceback")
    assert "ValueError" in line["exception"]


def test_warnings_and_the_last_error_are_lines_too(stream: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    error = RuntimeError("the end")
    sys.excepthook(RuntimeError, error, None)
    warned, fatal = lines(stream)
    assert "DeprecationWarning: old" in warned["message"]
    assert (fatal["level"], fatal["message"]) == ("critical", "uncaught exception")
    assert "the end" in fatal["exception"]


@given(st.text(), st.text(), st.text())
def test_no_text_breaks_a_line(message: str, namespace: str, name: str) -> None:
    with logs.about(namespace, name):
        text = logs.JsonFormatter().format(record("%s", message))
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text)["name"] == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Authorization: Bearer {TOKEN}", "Authorization: Bearer [redacted]"),
        ("b'authorization: bearer abc.def'", "b'authorization: bearer [redacted]"),
        (f"got {TOKEN}, no more", "got [redacted], no more"),
        (f"key {KEY}end", "key [redacted]\nend"),
        (f"key {KEY[:45]}", "key [redacted]"),
        ("the bearer of news", "the bearer [redacted] news"),
        ("eyJ is no token", "eyJ is no token"),
    ],
)
def test_secrets_never_show(text: str, expected: str) -> None:
    assert logs.redact(text) == expected


def test_secrets_in_exceptions_never_show() -> None:
    try:
        int(f"Bearer {TOKEN}")
    except ValueError:
        made = record("failed", exc_info=sys.exc_info())
    assert TOKEN not in logs.JsonFormatter().format(made)


def test_no_line_commands_the_terminal_that_shows_it(stream: io.StringIO) -> None:
    error = ValueError("txt.\u202eexe")
    logging.getLogger("epochal").error("a\x1b]0;owned\x07 said %s", "\u2028", exc_info=error)
    (line,) = lines(stream)
    assert line["message"] == r"a\x1b]0;owned\x07 said \u2028"
    assert line["exception"].endswith(r"ValueError: txt.\u202eexe")
