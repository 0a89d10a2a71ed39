"""The back end with 50 browsers of 25 users, which all watch a namespace with 200 runs."""

import os
import socket
import threading
import time
import urllib.request
from contextlib import ExitStack, suppress

from tests.bench.figures import Figure
from tests.bench.studio.measured_page import measured_studio
from tests.kit.fake.guarded_server import User
from tests.kit.proc import cpu, peak
from tests.kit.studio import KINDS, NAMESPACE, Studio
from tests.kit.studio_client import Client
from tests.kit.studio_runs import put_running, running

USERS = 25
BROWSERS = 50
RUNS = 200
SECONDS = 30
UPDATES_A_SECOND = 10


def crowd() -> list[Figure]:
    """Measures memory and CPU of the back end. The browsers are clients that read the stream of the list."""
    with measured_studio() as app:
        for index in range(RUNS):
            put_running(app, f"run-{index:03}")
        tokens = [f"token-of-user-{index}" for index in range(USERS)]
        app.server.users.update({token: User({NAMESPACE}, name=token) for token in tokens})
        before = peak(app.process.pid)
        with ExitStack() as streams:
            readers = [_Reader(app, tokens[index % USERS]) for index in range(BROWSERS)]
            for reader in readers:
                reader.start()
                streams.callback(reader.stop)
            time.sleep(5)
            begin, busy = time.monotonic(), cpu(app.process.pid)[0]
            sent = 0
            while (now := time.monotonic() - begin) < SECONDS:
                if sent < now * UPDATES_A_SECOND:
                    app.set_status("trainingjobs", f"run-{sent % RUNS:03}", **running(1 + sent // RUNS % 7))
                    sent += 1
                time.sleep(0.01)
            share = (cpu(app.process.pid)[0] - busy) / SECONDS
            sent_bytes = sum(reader.bytes for reader in readers)
            watches = len(app.server.watches) / (USERS * len(KINDS))
        return [
            Figure(
                f"back end with {BROWSERS} browsers of {RUNS} runs: memory",
                f"{before:.0f} MB alone",
                f"{peak(app.process.pid):.0f} MB",
            ),
            Figure(
                f"the same, CPU while {UPDATES_A_SECOND} runs a second change",
                "-",
                f"{share:.2f} cores, {sent_bytes / 1e6:.0f} MB sent",
            ),
            Figure("watches for each kind, namespace and token", "-", f"{watches:g}", "1", watches <= 1),
        ]


class _Reader(threading.Thread):
    def __init__(self, app: Studio, token: str) -> None:
        super().__init__(daemon=True)
        client = Client(app.url, NAMESPACE)
        assert client.sign_in(token).status < 300, token
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        headers = {"Cookie": cookies, "Origin": app.url}
        request = urllib.request.Request(f"{app.url}/api/stream?namespace={NAMESPACE}", headers=headers)
        self._stream = urllib.request.urlopen(request, timeout=60)
        self._socket = socket.socket(fileno=os.dup(self._stream.fileno()))
        self.bytes = 0

    def run(self) -> None:
        # The end of the measurement ends the stream.
        with self._stream, suppress(OSError):
            for line in self._stream:
                self.bytes += len(line)

    def stop(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self.join()
