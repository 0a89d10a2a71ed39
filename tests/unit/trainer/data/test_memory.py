from pathlib import Path

import pytest
from epochal_api.pod import NOT_RETRIED
from epochal_trainer.data.memory import MemoryBudget, available_memory, memory_capacity
from epochal_trainer.lib.failures import Failure

from tests.unit.trainer.expect import expect_failure

GIB = 1024**3


def files(root: Path, content: dict[str, str]) -> None:
    for name, text in content.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


VERSION_2 = {
    "sys/memory.max": f"{2 * GIB}\n",
    "sys/memory.current": f"{GIB}\n",
    "sys/memory.stat": "anon 5\nactive_file 7\ninactive_file 10\n",
}
VERSION_1 = {
    "sys/memory/memory.limit_in_bytes": f"{3 * GIB}\n",
    "sys/memory/memory.usage_in_bytes": f"{GIB}\n",
    "sys/memory/memory.stat": "cache 99\ntotal_active_file 1\ntotal_inactive_file 2\n",
}


@pytest.mark.parametrize(
    ("groups", "content", "left"),
    [
        ("0::/\n", {}, 8 * GIB),
        ("0::/\n", VERSION_2, GIB + 17),
        ("0::/\n", {**VERSION_2, "sys/memory.max": "max\n"}, 8 * GIB),
        ("5:cpu:/a\n4:memory:/a/b\n0::/\n", VERSION_1, 2 * GIB + 3),
        ("4:memory:/a/b\n", {**VERSION_1, "sys/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 8 * GIB),
        ("0::/a/b\n", {name.replace("sys/", "sys/a/"): text for name, text in VERSION_2.items()}, GIB + 17),
        (
            "0::/a\n",
            {**VERSION_2, "sys/a/memory.max": "100", "sys/a/memory.current": "90", "sys/a/memory.stat": "anon 90"},
            10,
        ),
        ("0::/\n", {**VERSION_2, "sys/memory.current": f"{5 * GIB}\n"}, 0),
    ],
)
def test_available_memory_is_the_lowest_limit_without_page_cache(
    tmp_path: Path, groups: str, content: dict[str, str], left: int
) -> None:
    meminfo = "MemTotal:       16777216 kB\nMemAvailable:    8388608 kB\n"
    files(tmp_path, {"proc/meminfo": meminfo, "proc/self/cgroup": groups, **content})
    assert available_memory(tmp_path / "proc", tmp_path / "sys") == left


@pytest.mark.parametrize(
    ("content", "size", "reason", "retried"),
    [({}, 4 * GIB, "OutOfMemory", True), ({}, 5 * GIB, "DataTooLarge", False), (VERSION_2, GIB, "DataTooLarge", False)],
)
def test_memory_of_other_processes_is_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: dict[str, str], size: int, reason: str, *, retried: bool
) -> None:
    meminfo = "MemTotal:       16777216 kB\nMemAvailable:    8388608 kB\n"
    files(tmp_path, {"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", **content})
    places = tmp_path / "proc", tmp_path / "sys"
    monkeypatch.setattr("epochal_trainer.data.memory.available_memory", lambda: available_memory(*places))
    monkeypatch.setattr("epochal_trainer.data.memory.memory_capacity", lambda: memory_capacity(*places))
    with pytest.raises(Failure, match=r"a takes .* bytes in memory, but only .*spec.resources") as caught:
        MemoryBudget().reserve(size, "a")
    assert (caught.value.reason, caught.value.exit_code not in NOT_RETRIED) == (reason, retried)


def test_memory_budget_of_this_process() -> None:
    assert MemoryBudget().remaining > 0


def test_reclaimable_memory_counts_as_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epochal_trainer.data.memory.available_memory", lambda: 700)
    assert MemoryBudget(reclaimable=300).remaining == MemoryBudget().remaining + 90 == 300


def test_memory_budget_is_shared() -> None:
    memory = MemoryBudget(100)
    memory.reserve(60, "a")
    memory.reserve(40, "b")
    with expect_failure("DataTooLarge", r"c takes 1 bytes in memory, but only 0 are left"):
        memory.reserve(1, "c")
