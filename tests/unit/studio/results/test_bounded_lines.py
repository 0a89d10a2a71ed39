"""Tables and logs of a hostile bucket, whose lines as objects would take many times their bytes."""

import tracemalloc
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from epochal_studio.results import log, trials_table
from epochal_studio.runs.trials import from_table

SHORT_LINES = b"ab\n" * 350_000


def peak(function: Callable[[], object]) -> int:
    """Return the bytes that a call takes at most."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def reserve(_size: int) -> None:
    """Accept any size."""


def folder(content: bytes, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a folder whose only object has this content."""

    def read_piece(_bucket: Any, _key: str, offset: int, length: int, _etag: str = "") -> bytes:
        return content[offset : offset + length]

    monkeypatch.setattr(log, "read_piece", read_piece)
    monkeypatch.setattr(trials_table, "read_whole", lambda *_, **__: content)
    stored = SimpleNamespace(size=len(content), etag="")
    return SimpleNamespace(path="runs", bucket=SimpleNamespace(stat=lambda _: stored))


@pytest.mark.parametrize(
    "lines",
    [["a," * 140_000], ["number", "1," * 140_000], ["number", '"x\n', *['","x\n'] * 70_000]],
)
def test_a_row_that_is_too_long(lines: list[str]) -> None:
    found = from_table(lines)
    assert (found.columns, found.rows, found.is_complete) == ([], [], False)


def test_rows_below_the_limit() -> None:
    found = from_table(["number,note\n", '1,"a\n', 'b"\n', *["2," + "x" * 1_000 + "\n"] * 1_000])
    assert found.columns == ["number", "note"]
    assert len(found.rows) == 1_001
    assert found.is_complete


def test_a_table_of_short_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    of_run = folder(SHORT_LINES, monkeypatch)
    assert not trials_table.read(of_run, reserve).is_complete
    assert peak(lambda: trials_table.read(of_run, reserve)) < 12 * 2**20


def test_a_log_of_short_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    of_run = folder(SHORT_LINES, monkeypatch)
    assert log.stored_lines(of_run, 3, reserve) == ["ab", "ab", "ab"]
    assert peak(lambda: log.stored_lines(of_run, 3, reserve)) < 8 * 2**20


@pytest.mark.parametrize("tail", [1, 2, 3, 4])
@pytest.mark.parametrize("end", ["", "\n"])
def test_the_tail_of_a_log(tail: int, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    of_run = folder(f"a\nb\nc{end}".encode(), monkeypatch)
    assert log.stored_lines(of_run, tail, reserve) == ["a", "b", "c"][-tail:]
