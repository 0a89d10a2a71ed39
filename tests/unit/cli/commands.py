"""Runs command lines within the test, with streams in memory."""

import io
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from epochal.__main__ import run
from epochal.environment import Environment


class Result(NamedTuple):
    exit_code: int
    output: str
    errors: str


def epochal(
    *arguments: str,
    folder: Path,
    variables: Mapping[str, str] | None = None,
    answers: str = "",
    sleep: Callable[[float], None] = lambda _: None,
) -> Result:
    stdout, stderr = io.StringIO(), io.StringIO()
    environment = Environment(
        stdin=io.StringIO(answers),
        stdout=stdout,
        stderr=stderr,
        folder=folder,
        variables=variables or {},
        now=lambda: datetime(2026, 11, 30, tzinfo=UTC),
        sleep=sleep,
    )
    return Result(run(arguments, environment), stdout.getvalue(), stderr.getvalue())
