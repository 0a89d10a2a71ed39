"""Programs: those that are waited for, and those that run on when this one has ended."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from paths import BIN, LOGS, PIDS, STATE
from report import Failure

PATH = f"{BIN}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def tail(text: str, lines: int = 20) -> str:
    """The last lines of a text, indented."""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


def call(
    *argv: str | Path,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: Path | None = None,
    timeout: float = 120,
) -> str:
    """Runs a program to its end.

    Args:
        argv: the program and its arguments.
        env: variables to add to the environment.
        log: a file that takes its standard output and error, for a program that says much.
        timeout: seconds after which it is killed.

    Returns:
        What it wrote to standard output; nothing if that went to a log.

    Raises:
        Failure: it ended with an error, or not in time. Holds the last lines that it wrote.
    """
    command = [str(part) for part in argv]
    name = " ".join(part for part in command if not part.startswith("-"))[:80]
    sink = log.open("w") if log else None
    try:
        done = subprocess.run(
            command,
            input=stdin,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            stdin=subprocess.DEVNULL if stdin is None else None,
            stdout=sink or subprocess.PIPE,
            stderr=subprocess.STDOUT if sink else subprocess.PIPE,
            text=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise Failure(f"{command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise Failure(f"{name} did not end within {timeout:.0f} s") from error
    finally:
        if sink:
            sink.close()
    if done.returncode:
        output = log.read_text(errors="replace") if log else done.stdout + done.stderr
        where = f"; the whole log is {log}" if log else ""
        raise Failure(f"{name} … ended with status {done.returncode}{where}\n{tail(output)}")
    return done.stdout or ""


def wait_until(condition: Callable[[], bool], *, what: str, timeout: float, why_not: Callable[[], str]) -> None:
    """Waits until a condition holds.

    Args:
        what: what is waited for, in words.
        timeout: seconds after which waiting ends with a failure.
        why_not: what to show then, such as the last lines of a log.

    Raises:
        Failure: the condition did not hold in time.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {timeout:.0f} s\n{why_not()}")
        time.sleep(0.2)


def start(name: str, argv: Sequence[str | Path]) -> None:
    """Starts a program that outlives this one; it logs to a file, and a file remembers its process id."""
    command = [str(part) for part in argv]
    with (LOGS / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=STATE,
            env={"PATH": PATH, "HOME": str(STATE)},
        )
    (PIDS / name).write_text(f"{child.pid} {_start_time(child.pid)}")


def pid_of(name: str) -> int | None:
    """The process id of a program started earlier, or None if it does not run any more."""
    try:
        pid, started = (PIDS / name).read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    return int(pid) if started and _start_time(int(pid)) == started else None


def command_of(name: str) -> list[str] | None:
    """The command line of a running program, or None if it does not run."""
    pid = pid_of(name)
    if pid is None:
        return None
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    except OSError:
        return None


def log_of(name: str) -> str:
    """The last lines that a program logged."""
    log = LOGS / f"{name}.log"
    output = tail(log.read_text(errors="replace")) if log.exists() else "    (no log)"
    return f"  last lines of {log}:\n{output}"


def stop(names: Sequence[str], grace: float) -> None:
    """Stops programs: asks them to end, and kills those that have not within the grace period (seconds)."""
    end([pid for pid in map(pid_of, names) if pid is not None], grace)
    for name in names:
        (PIDS / name).unlink(missing_ok=True)


def end(pids: Sequence[int], grace: float) -> None:
    """Ends processes: SIGTERM, and SIGKILL after the grace period (seconds)."""
    left = {pid: _start_time(pid) for pid in pids}
    deadline = time.monotonic() + grace
    _signal(left, signal.SIGTERM)
    killed = False
    while left := {pid: started for pid, started in left.items() if started and _start_time(pid) == started}:
        if not killed and time.monotonic() > deadline:
            _signal(left, signal.SIGKILL)
            killed = True
        if time.monotonic() > deadline + 10:
            raise Failure(f"processes {sorted(left)} do not end, not even by SIGKILL")
        time.sleep(0.05)


def _signal(pids: Mapping[int, str], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _start_time(pid: int) -> str:
    """The start of a process in clock ticks, which no later one with the same id has. Empty if it is dead."""
    try:
        # The name, in parentheses, may itself hold blanks and parentheses.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    state, started = fields[0], fields[19]
    return "" if state in {"Z", "X"} else started
