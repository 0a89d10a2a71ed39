"""What is said of requests."""

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from epochal_server.monitoring import access_log
from epochal_server.monitoring.access_log import AccessLog, Entry, line

ENTRY = Entry(0.25, "10.0.0.7", "POST", "/predict", "photographs", 200, 0.0123456789, 1000, 70)


def test_is_one_object_a_line() -> None:
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


def test_no_path_breaks_a_line_or_commands_a_terminal() -> None:
    told = line(ENTRY._replace(path='/\n{"code":200}\x1b[31m\udcff'))
    assert told.count(b"\n") == 1
    assert b"\x1b" not in told
    assert json.loads(told)["path"] == '/\n{"code":200}\\x1b[31m\\udcff'


def test_tells_an_address_as_people_know_it() -> None:
    assert json.loads(line(ENTRY._replace(client="::ffff:10.0.0.7")))["client"] == "10.0.0.7"
    assert json.loads(line(ENTRY._replace(client="fd00::7")))["client"] == "fd00::7"


def test_writes_many_at_once() -> None:
    written: list[bytes] = []
    log = AccessLog(written.append)
    for _ in range(3):
        log.add(ENTRY)
    assert not written
    log.flush()
    log.flush()
    assert [len(lines.splitlines()) for lines in written] == [3]


def test_fills_no_memory_where_nobody_takes_it() -> None:
    written: list[bytes] = []
    log = AccessLog(written.append)
    for _ in range(access_log.MOST + 5):
        log.add(ENTRY)
    log.flush()
    *_, last = written[0].splitlines()
    assert json.loads(last)["message"] == "5 more requests: standard output was too slow for their lines"


async def test_goes_on_where_a_write_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "EVERY_SECONDS", 0.01)
    written: list[bytes] = []

    def write(lines: bytes) -> None:
        written.append(lines)
        if len(written) == 1:
            raise BrokenPipeError

    log = AccessLog(write)
    keeping = asyncio.create_task(log.run())
    for count in (1, 2):
        log.add(ENTRY)
        async with asyncio.timeout(5):
            while len(written) < count:  # noqa: ASYNC110 - the write tells nobody
                await asyncio.sleep(0.01)
    keeping.cancel()
    await asyncio.wait([keeping])


async def test_loses_no_line_that_comes_while_others_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "EVERY_SECONDS", 0.0)
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
        keeping = asyncio.create_task(log.run())
        await asyncio.sleep(0.01)  # and now it waits for the thread
        monkeypatch.setattr(access_log, "line", slowly)
        log.add(ENTRY)
        keeping.cancel()
        await asyncio.wait([keeping])
    assert sum(lines.count(b"\n") for lines in written) == 2


async def test_writes_what_is_left_when_it_ends() -> None:
    written: list[bytes] = []
    log = AccessLog(written.append)
    keeping = asyncio.create_task(log.run())
    await asyncio.sleep(0)
    log.add(ENTRY)
    keeping.cancel()
    await asyncio.wait([keeping])
    assert len(written) == 1
