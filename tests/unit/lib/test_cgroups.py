from pathlib import Path

import pytest
from epochal_lib import cgroups
from epochal_lib.cgroups import Group, groups, limit, peak

STATUS = {"proc/self/status": "Name:\tpython\nVmHWM:\t     300 kB\nVmRSS:\t     100 kB\n"}
VERSION_2 = {
    "proc/self/cgroup": "0::/\n",
    "sys/memory.max": "1000\n",
    "sys/memory.current": "500\n",
    "sys/memory.peak": "900\n",
    "sys/memory.stat": "anon 5\nactive_file 7\ninactive_file 10\n",
}
VERSION_1 = {
    "proc/self/cgroup": "5:cpu:/a\n4:memory:/a\n0::/\n",
    "sys/memory/a/memory.limit_in_bytes": "2000\n",
    "sys/memory/a/memory.usage_in_bytes": "400\n",
    "sys/memory/a/memory.max_usage_in_bytes": "800\n",
    "sys/memory/a/memory.stat": "cache 99\ntotal_active_file 1\ntotal_inactive_file 2\n",
    "sys/memory/memory.limit_in_bytes": "9223372036854771712\n",
    "sys/memory/memory.usage_in_bytes": "5000\n",
    "sys/memory/memory.max_usage_in_bytes": "6000\n",
    "sys/memory/memory.stat": "",
}
OWN_2, OWN_1, ROOT_1 = Group(1000, 500, 17, 900), Group(2000, 400, 3, 800), Group(None, 5000, 0, 6000)


@pytest.mark.parametrize(
    ("content", "found", "memory_limit", "memory_peak"),
    [
        (VERSION_2, [OWN_2], 1000, 900),
        ({**VERSION_2, "sys/memory.max": "max\n"}, [Group(None, 500, 17, 900)], None, 900),
        (VERSION_1, [OWN_1, ROOT_1], 2000, 800),
        # Before Linux 5.19 there is no memory.peak, and in a machine's root group there is nothing at all.
        (
            {name: text for name, text in VERSION_2.items() if "peak" not in name},
            [Group(1000, 500, 17, None)],
            1000,
            None,
        ),
        ({"proc/self/cgroup": "0::/\n"}, [], None, None),
        ({}, [], None, None),
        # gVisor has the limit alone: https://gvisor.dev/docs/user_guide/compatibility/.
        ({"proc/self/cgroup": "1:memory:/\n", "sys/memory/memory.limit_in_bytes": "3000\n"}, [], 3000, None),
    ],
)
def test_reads_each_version(
    tmp_path: Path, content: dict[str, str], found: list[Group], memory_limit: int | None, memory_peak: int | None
) -> None:
    for name, text in (STATUS | content).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    where = tmp_path / "proc", tmp_path / "sys"
    assert list(groups(*where)) == found
    assert limit(*where) == memory_limit
    assert peak(*where) == (memory_peak or 300 * 1024)


def test_reads_the_peak_of_this_process() -> None:
    found = peak()
    assert found is not None
    assert 10 * 1024**2 < found <= (cgroups.limit() or found)


@pytest.mark.parametrize(
    ("content", "found"),
    [("50000 100000\n", 0.5), ("99900000 100000\n", 4.0), ("max 100000\n", 4.0), ("1 0\n", 4.0), (None, 4.0)],
)
def test_cores_depend_on_affinity_and_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, found: float
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3})
    if content is not None:
        (tmp_path / "cpu.max").write_text(content)
    assert cgroups.cores(tmp_path) == found


@pytest.mark.parametrize(("quota", "found"), [("150000\n", 1.5), ("-1\n", 4.0)])
def test_cores_of_version_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, found: float) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3})
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert cgroups.cores(tmp_path) == found
