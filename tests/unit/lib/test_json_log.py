"""Log lines: JSON, one a line, without secrets."""

import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from epochal_lib.json_log import JsonFormatter, configure
from epochal_lib.redaction import Redactor
from hypothesis import given
from hypothesis import strategies as st

SECRET = "Bearer abc.def"
FORMATTER = JsonFormatter(Redactor())


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.level, root.handlers[:], sys.excepthook
    output = io.StringIO()
    configure(FORMATTER, "info", output)
    yield output
    logging.captureWarnings(capture=False)
    root.level, root.handlers[:], sys.excepthook = before


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_time_level_logger_and_message(stream: io.StringIO) -> None:
    logging.getLogger("epochal.queue").warning("%d jobs wait", 3)
    (line,) = lines(stream)
    assert line.pop("ts").endswith("+00:00")
    assert line == {"level": "warning", "logger": "epochal.queue", "message": "3 jobs wait"}


def test_omits_lower_levels(stream: io.StringIO) -> None:
    logging.getLogger("epochal").debug("unseen")
    assert lines(stream) == []


def test_an_unknown_level_is_an_error() -> None:
    with pytest.raises(ValueError, match="LOUD"):
        configure(FORMATTER, "loud")


def test_an_exception_is_a_field(stream: io.StringIO) -> None:
    try:
        int("lost\nline")
    except ValueError:
        logging.getLogger("epochal").exception("failed")
    (line,) = lines(stream)
    assert line["exception"].startswith("Traceback")
    assert "ValueError" in line["exception"]


def test_logs_warnings_and_uncaught_exceptions(stream: io.StringIO) -> None:
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


@given(st.text())
def test_no_text_breaks_a_line(message: str) -> None:
    record = logging.LogRecord("epochal.test", logging.INFO, __file__, 1, "%s", (message,), None)
    text = JsonFormatter(Redactor(), lambda _: {"name": message}).format(record)
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text)["name"] == message


def test_neither_message_nor_exception_nor_stack_shows_a_secret(stream: io.StringIO) -> None:
    logging.getLogger("epochal").error("got %s", SECRET, exc_info=ValueError(SECRET))
    record = logging.LogRecord("epochal.test", logging.INFO, __file__, 1, "x", (), None, sinfo=SECRET)
    (line,) = lines(stream)
    for text in (line["message"], line["exception"], json.loads(FORMATTER.format(record))["stack"]):
        assert "Bearer ***" in text
        assert "abc.def" not in text
