"""kubectl as a user runs it. Reads go to the API server directly, since a process each time takes far more CPU."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tests.kit import apiserver

Object = apiserver.Object
T = TypeVar("T")


class Refused(Exception):
    """kubectl failed, or the object does not exist; the message has the reason."""


def kubectl(*arguments: str, stdin: str | None = None, timeout: float = 120) -> str:
    """Runs kubectl and returns its output.

    Raises:
        Refused: If it ends with an error.
    """
    command = ["kubectl", *arguments]
    ended = subprocess.run(command, check=False, text=True, input=stdin, capture_output=True, timeout=timeout)
    if ended.returncode:
        raise Refused(f"{' '.join(command)}: {ended.stderr.strip()}")
    return ended.stdout


def get(kind: str, name: str = "", *, namespace: str = "", selector: str = "") -> Object:
    """Returns one object, or the list of all if no name is given.

    Args:
        kind: Singular where one is named, else plural.
        selector: Labels that all must have.

    Raises:
        Refused: If it is not there, or there is no answer.
    """
    try:
        resource = f"{kind}s" if name else kind
        return apiserver.request("GET", apiserver.path(resource, name, namespace=namespace, selector=selector))
    except (apiserver.Refusal, apiserver.Away) as error:
        raise Refused(str(error)) from error


def items(kind: str, *, namespace: str = "", selector: str = "") -> list[Object]:
    found: list[Object] = get(kind, namespace=namespace, selector=selector)["items"]
    return found


def apply(*manifests: Object, namespace: str = "") -> str:
    """Applies manifests as `kubectl apply --filename` does."""
    where = ["--namespace", namespace] if namespace else []
    documents = "\n---\n".join(json.dumps(manifest) for manifest in manifests)
    return kubectl("apply", *where, "--filename", "-", stdin=documents)


@contextmanager
def watch(kind: str, name: str = "", *, namespace: str = "", seconds: int = 1800) -> Iterator[Iterator[Object]]:
    """Watches objects, as `kubectl get --watch` does: each as it is at first, then at each of its changes.

    Args:
        name: The one to watch; all if none is given.
        namespace: Their namespace; all if none is given.
        seconds: How long at most; then nothing more is seen.
    """
    where = ["--namespace", namespace] if namespace else ["--all-namespaces"]
    which = [name] if name else []
    command = ["kubectl", "get", kind, *which, *where, "--watch", "--output", "json", f"--request-timeout={seconds}s"]

    def objects() -> Iterator[Object]:
        # One object is printed at a time, indented: it ends with a brace at the start of a line.
        lines: list[str] = []
        for line in process.stdout or []:
            lines.append(line)
            if line.rstrip() == "}":
                yield json.loads("".join(lines))
                lines.clear()

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield objects()
        finally:
            process.terminate()


@contextmanager
def port_forward(namespace: str, service: str, ports: str) -> Iterator[None]:
    """Forwards a port of the loopback address to a service, such as 8080:80. It listens some time after the start."""
    command = ["kubectl", "port-forward", "--namespace", namespace, f"service/{service}", ports]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def wait(what: str, poll: Callable[[], T | None], *, seconds: float, every: float = 0.25) -> T:
    """Polls until `poll` returns a value that is not empty, and returns it.

    Args:
        what: What is waited for, for the error.
        poll: Returns what was waited for; None, False or an empty value as long as it isn't there.
        seconds: How long to wait at most.

    Raises:
        TimeoutError: If it is not seen in time.
    """
    end = time.monotonic() + seconds
    while True:
        if seen := poll():
            return seen
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(every)
