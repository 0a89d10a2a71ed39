"""The access log."""

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from epochal_server.monitoring import access_log
from epochal_server.monitoring.access_log import AccessLog, Entry, line

ENTRY = Entry(0.25, "10.0.0.7", "POST", "/predict", "photographs", 200, 0.0123456789, 1000, 70)


def test_a_line_is_a_json_object() -> None:
    assert json.loads(line(ENTRY)) == {
        "ts": "1970-01-01T00:00:00.250+00:00",
        "logger": "access",
        "client": "10.0.0.7",
        "method": "POST",
        "path": "/predict",
        "protocol": "photographs",
        "code": 200,
        "seconds": 0.012346,
        "received": 1000,
        "sent": 70,
    }


def test_escapes_control_characters_of_a_path() -> None:
    text = line(ENTRY._replace(path='/\n{"code":200}\x1b[31m\udcff'))
    assert text.count(b"\n") == 1
    assert b"\x1b" not in text
    assert json.loads(text)["path"] == '/\n{"code":200}\\x1b[31m\\udcff'


def test_shortens_a_long_path() -> None:
    text = line(ENTRY._replace(path="/" + "\x01" * 2700))
    assert json.loads(text)["path"] == "/" + r"\x01" * (access_log.MAX_PATH - 1)


def test_shows_a_mapped_ipv4_address_as_ipv4() -> None:
    assert json.loads(line(ENTRY._replace(client="::ffff:10.0.0.7")))["client"] == "10.0.0.7"
    assert json.loads(line(ENTRY._replace(client="fd00::7")))["client"] == "fd00::7"


def test_writes_many_lines_at_once() -> None:
    written: list[bytes] = []
    log = AccessLog(written.append)
    for _ in range(3):
        log.add(ENTRY)
    assert not written
    log.flush()
    log.flush()
    assert [len(lines.splitlines()) for lines in written] == [3]


def test_the_lines_in_memory_are_bounded() -> None:
    written: list[bytes] = []
    log = AccessLog(written.append)
    for _ in range(access_log.MAX_LINES + 5):
        log.add(ENTRY)
    log.flush()
    *_, last = written[0].splitlines()
    assert json.loads(last)["message"] == "dropped the log lines of 5 requests, because standard output is too slow"


async def test_continues_after_a_failed_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "WRITE_SECONDS", 0.01)
    written: list[bytes] = []

    def write(lines: bytes) -> None:
        written.append(lines)
        if len(written) == 1:
            raise BrokenPipeError

    log = AccessLog(write)
    running = asyncio.create_task(log.run())
    for count in (1, 2):
        log.add(ENTRY)
        async with asyncio.timeout(5):
            while len(written) < count:  # noqa: ASYNC110 - a write has no event
                await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])


async def test_loses_no_line_during_a_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "WRITE_SECONDS", 0.0)
    written: list[bytes] = []
    log, begins = AccessLog(written.append), threading.Event()

    def slowly(entry: Entry) -> bytes:
        begins.set()
        time.sleep(0.05)  # the other thread's turn
        return line(entry)

    with ThreadPoolExecutor(1) as thread:
        asyncio.get_running_loop().set_default_executor(thread)
        thread.submit(begins.wait, 5)
        log.add(ENTRY)
        running = asyncio.create_task(log.run())
        await asyncio.sleep(0.01)  # and now it waits for the thread
        monkeypatch.setattr(access_log, "line", slowly)
        log.add(ENTRY)
        running.cancel()
        await asyncio.wait([running])
    assert sum(lines.count(b"\n") for lines in written) == 2


async def test_writes_the_remaining_lines_at_the_end() -> None:
    written: list[bytes] = []
    log = AccessLog(written.append)
    running = asyncio.create_task(log.run())
    await asyncio.sleep(0)
    log.add(ENTRY)
    running.cancel()
    await asyncio.wait([running])
    assert len(written) == 1
