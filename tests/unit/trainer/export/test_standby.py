"""Forked export processes: each test forks a new process of Python, which has no threads."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV

SECRET = "not-in-the-forked-process"
BEGIN = """
import json, os, sys, threading, time
from pathlib import Path
from epochal_trainer.export import standby
from epochal_trainer.lib import keys

def export(path):
    print("exports")
    if "fail" in path.name:
        raise ValueError("no network")
    found = [os.readlink(f"/proc/self/fd/{name}").partition(":")[0] for name in os.listdir("/proc/self/fd")
             if int(name) > 2 and os.path.exists(f"/proc/self/fd/{name}")]
    seen = {"environ": dict(os.environ), "cwd": os.getcwd(), "files": found,
            "score": Path("/proc/self/oom_score_adj").read_text().strip()}
    Path("outcome").write_text(json.dumps(seen))

def fork(free_memory=lambda: 2**40):
    return standby.fork(free_memory=free_memory, export=export)

def contains(pid, secret):
    '''Return whether a secret is in the memory of a process.'''
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            place, access = line.split()[:2]
            begin, end = (int(number, 16) for number in place.split("-"))
            if access.startswith("rw"):
                memory.seek(begin)
                try:
                    if secret in memory.read(end - begin):
                        return True
                except OSError:
                    pass
    return False

folder = Path(sys.argv[1])
"""


def run(folder: Path, code: str, **environ: str) -> str:
    """Runs code after BEGIN in a new process, and returns its output."""
    command = [sys.executable, "-c", BEGIN + code, str(folder)]
    done = subprocess.run(
        command, check=False, text=True, capture_output=True, timeout=60, env={**os.environ, **environ}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_forked_process_exports_on_order(tmp_path: Path) -> None:
    code = """
file = open(folder / "of-the-parent", "w")
print("written once", end="")
child = fork()
assert child.poll() is None
assert child.order(folder / "request.json")
assert (child.wait(), child.poll()) == (0, 0)
child.kill()
child.close()
"""
    assert run(tmp_path, code, EPOCHAL_ANY="x") == "written once"
    seen = json.loads((tmp_path / "outcome").read_text())
    assert (seen["cwd"], seen["score"], seen["files"]) == (str(tmp_path), "1000", ["pipe"])
    assert seen["environ"]["CUDA_VISIBLE_DEVICES"] == "-1"
    assert not {name for name in seen["environ"] if name.startswith("EPOCHAL_")}
    assert (tmp_path / "log").read_text() == "exports\n"


def test_the_log_of_its_parent_closes_no_file_of_the_process(tmp_path: Path) -> None:
    code = """
import logging
file = open(folder / "training.log", "w")
assert file.fileno() == 3
logging.getLogger().addHandler(logging.StreamHandler(file))
del file
child = fork()
assert child.order(folder / "request.json")
assert child.wait() == 0
"""
    run(tmp_path, code)
    assert (tmp_path / "outcome").exists()


def test_no_key_is_in_its_memory(tmp_path: Path) -> None:
    code = f"""
keys.restart_without_keys()
child = fork()
keys.take_back()
secret = os.environ[{SECRET_KEY_ENV!r}].encode()
time.sleep(0.2)
print(contains(os.getpid(), secret), contains(child.pid, secret), os.environ[{ACCESS_KEY_ENV!r}], len(secret))
child.close()
"""
    found = run(tmp_path, code, **{SECRET_KEY_ENV: SECRET, ACCESS_KEY_ENV: "ä\n"})
    assert found == f"True False ä\n {len(SECRET)}\n"


def test_an_error_is_in_its_log(tmp_path: Path) -> None:
    run(tmp_path, "child = fork(); child.order(folder / 'fail'); assert child.wait() == 1")
    assert "ValueError: no network" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    "code",
    [
        "assert fork(lambda: 150 * 2**20) is None",
        f"os.environ[{ACCESS_KEY_ENV!r}] = 'key'; assert fork() is None",
        "threading.Thread(target=time.sleep, args=(1,), daemon=True).start(); assert fork() is None",
    ],
)
def test_nothing_is_forked_with_keys_or_threads_or_without_memory(tmp_path: Path, code: str) -> None:
    run(tmp_path, code)


def test_it_ends_if_memory_is_short(tmp_path: Path) -> None:
    code = """
standby._CHECK_SECONDS = 0.01
memory = iter([2**40])
child = fork(lambda: next(memory, 0))
assert child.wait() == 0
assert not child.order(folder / "request.json")
"""
    run(tmp_path, code)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_it_ends_with_its_parent(tmp_path: Path, end: str) -> None:
    code = f"""
if parent := os.fork():
    os.waitpid(parent, 0)
else:
    child = fork()
    (folder / "pid").write_text(str(child.pid))
    {end}
pid = (folder / "pid").read_text()
for _ in range(500):
    if not os.path.exists(f"/proc/{{pid}}") or "Z" in Path(f"/proc/{{pid}}/stat").read_text().rpartition(")")[2]:
        break
    time.sleep(0.01)
else:
    sys.exit("it lives")
"""
    run(tmp_path, code)
