"""Log lines name the object that they concern."""

import asyncio
import json
import logging
from typing import Any

import pytest
from epochal_operator.runtime import logs


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("epochal.test", logging.INFO, __file__, 1, message, args, None)
    vars(made).update(extra)
    return made


async def test_log_lines_of_started_tasks_name_the_object() -> None:
    async def line() -> dict[str, str]:
        return dict(json.loads(logs.FORMATTER.format(record("x"))))

    with logs.log_context("vision", "mnist"):
        task = asyncio.create_task(line())
    assert "name" not in await line()
    inside = await task
    assert (inside["namespace"], inside["name"]) == ("vision", "mnist")


def test_log_contexts_nest() -> None:
    form = logs.FORMATTER.format
    with logs.log_context("a", "outer"):
        with logs.log_context("b", "inner"):
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
def test_log_lines_of_kopf_name_their_object(reference: dict[str, Any] | None, expected: dict[str, str]) -> None:
    line = json.loads(logs.FORMATTER.format(record("handled", k8s_ref=reference)))
    assert {key: line[key] for key in ("namespace", "name", "object") if key in line} == expected
