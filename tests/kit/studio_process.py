"""The process of Studio, which a test may end and start again at the same address."""

import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from tests.kit.kubectl import wait

START_SECONDS = 60
STOP_SECONDS = 20


class StudioProcess:
    """The process of Studio. Each start has another key, so it refuses the sessions of the process before.

    Args:
        url: Its address.
        environment: Its environment variables.
        log: The file of its log.
    """

    def __init__(self, url: str, environment: Mapping[str, str], log: Path) -> None:
        self._url = url
        self._environment = environment
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The number of the running process."""
        assert self._process is not None, "Studio does not run"
        return self._process.pid

    def start(self) -> None:
        """Starts the process, and returns when it answers."""
        with self._log.open("ab") as output:
            self._process = process = subprocess.Popen(
                [sys.executable, "-m", "epochal_studio"], env=self._environment, stdout=output, stderr=output
            )

        def answers() -> bool:
            assert process.poll() is None, self._log.read_text()
            try:
                with urllib.request.urlopen(f"{self._url}/healthz", timeout=5) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        wait("Studio to answer", answers, seconds=START_SECONDS, every=0.1)

    def stop(self) -> None:
        """Ends the process, if it runs."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(STOP_SECONDS)
            self._process = None
