"""Threads and memory as the container may have them."""

import os
import resource
from pathlib import Path

import pytest
from epochal_server.machine import cores, descriptors, memory

CPUS = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "max 100000"}, CPUS),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "150000 100000"}, min(2, CPUS)),
        ({"cpu.max": "99900000 100000"}, CPUS),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, CPUS),
        ({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
        ({}, CPUS),
    ],
)
def test_computes_with_as_many_threads_as_it_has_cpus(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    _write(tmp_path, files)
    assert cores(tmp_path) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"memory.max": "max"}, None),
        ({"memory.max": "268435456"}, 2**28),
        ({"memory/memory.limit_in_bytes": "268435456"}, 2**28),
        ({"memory/memory.limit_in_bytes": "9223372036854771712"}, None),
        ({}, None),
    ],
)
def test_knows_how_much_memory_it_may_take(tmp_path: Path, files: dict[str, str], expected: int | None) -> None:
    _write(tmp_path, files)
    assert memory(tmp_path) == expected


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize(
    ("limits", "allowed", "raised"),
    [
        ((1024, 4096), 2000, (2000, 4096)),
        ((1024, 1500), 1500, (1500, 1500)),
        ((1024, resource.RLIM_INFINITY), 2000, (2000, resource.RLIM_INFINITY)),
        ((4096, 4096), 2000, None),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), 2000, None),
    ],
)
def test_may_open_as_many_files_as_it_needs(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], allowed: int, raised: tuple[int, int] | None
) -> None:
    told = list[tuple[int, int]]()
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, found: told.append(found))
    assert descriptors(2000) == allowed
    assert told == ([raised] if raised else [])
