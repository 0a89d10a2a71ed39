"""Import and export by their routes: the process, its limits, and who may use it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from epochal_studio import streamed_body
from epochal_studio.conversion import process, routes
from epochal_studio.long_answers import MAX_PROCESSES
from epochal_studio.session import owners
from epochal_studio.wire.documents import MAX_IMPORT

from tests.unit.cli.importers.flows import digits
from tests.unit.studio.in_memory import Answer, StudioInMemory
from tests.unit.studio.networks.texts import document, text
from tests.unit.studio.served import eventually

FLOW = json.dumps(digits()).encode()


async def import_file(studio: StudioInMemory, name: str, body: Any, **headers: str) -> Answer:
    return await studio.send("POST", f"/api/import?name={quote(name, safe='')}", body, **headers)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of temporary files, which is empty in the end."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


async def test_a_flow(studio: StudioInMemory) -> None:
    found = await import_file(studio, "Überfluss 1.nnd", FLOW)
    assert found.status == 200, found.text
    assert "kind: TrainingJob" in found.json()["yaml"]
    assert studio.state.imports.count == 0


async def test_code(studio: StudioInMemory) -> None:
    found = await studio.post("/api/export", {"yaml": text(document()), "target": "torch"})
    assert found.status == 200, found.text
    assert any("torch" in each["text"] for each in found.json()["files"])


async def test_a_refusal_has_cause_and_remedy(studio: StudioInMemory, temporary: Path) -> None:
    found = await import_file(studio, "x.json", b"{}")
    assert (found.status, found.json()["reason"]) == (422, "Failed")
    assert found.json()["message"].startswith("x.json: the format of the file is unknown")
    assert str(temporary) not in found.text


@pytest.mark.parametrize(
    "name", ["", "a/b.json", "../b.json", "/etc/passwd", ".keras", "-x.json", "a\n.json", "a" * 201]
)
async def test_a_name_is_that_of_a_file(studio: StudioInMemory, name: str) -> None:
    assert (await import_file(studio, name, FLOW)).status == 400


async def test_a_file_that_fills_the_memory(studio: StudioInMemory) -> None:
    found = await import_file(studio, "lists.json", b"[" + b"[]," * 5_000_000 + b"[]]")
    assert (found.status, found.json()["reason"]) == (422, "TooLarge")
    assert found.json()["message"].startswith("The import needs more memory")
    assert found.json()["remedy"] == "Use the command on your computer: epochal import."


async def test_a_file_that_takes_endless_time(studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    start = asyncio.create_subprocess_exec

    async def record(*arguments: Any, **options: Any) -> Any:
        started.append(await start(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", record)
    monkeypatch.setattr(process, "SECONDS", 0.0)
    found = await import_file(studio, "flow.nnd", FLOW)
    assert (found.status, found.json()["reason"]) == (422, "TooLarge")
    assert (started[0].returncode or 0) < 0  # killed, and no zombie


async def test_an_export_that_takes_endless_time(studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "SECONDS", 0.0)
    found = await studio.post("/api/export", {"yaml": text(document()), "target": "keras"})
    assert found.json()["message"] == "The export takes more than 0 s."
    assert found.json()["remedy"] == "Use the command on your computer: epochal export."


async def test_a_large_file_is_refused(studio: StudioInMemory) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        await asyncio.sleep(0)
        yield b""

    found = await import_file(studio, "a.keras", nothing(), **{"Content-Length": str(MAX_IMPORT + 1)})
    assert found.status == 413


async def test_one_import_of_a_user_at_a_time(studio: StudioInMemory) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield FLOW[:100]
        begun.set()
        await go_on.wait()
        yield FLOW[100:]

    first = asyncio.create_task(import_file(studio, "a.nnd", slow(), **{"Content-Length": str(len(FLOW))}))
    await begun.wait()
    await eventually(lambda: studio.state.imports.count == 1)
    assert (await import_file(studio, "b.nnd", FLOW)).status == 503
    go_on.set()
    assert (await first).status == 200


async def test_slow_browsers_keep_nobody_from_an_export(studio: StudioInMemory) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield FLOW[:100]
        await asyncio.Event().wait()

    async def open_import(user: str) -> Answer:
        return await import_file(
            studio, "a.nnd", slow(), **{"Content-Length": str(len(FLOW)), "Authorization": f"Bearer {user}"}
        )

    imports = [asyncio.create_task(open_import(user)) for user in ("alice", "bob")]
    await eventually(lambda: studio.state.imports.count == len(imports))
    found = await studio.post("/api/export", {"yaml": text(document()), "target": "keras"})
    assert found.status == 200, found.text
    for each in imports:
        each.cancel()
    await eventually(lambda: studio.state.imports.count == 0)


async def test_a_slow_browser_loses_its_place(studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed_body, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(routes, "MIN_RATE", 2**60)
    found = await import_file(studio, "a.nnd", FLOW)
    assert (found.status, found.json()["reason"]) == (408, "Timeout")
    assert studio.state.imports.count == 0


def test_the_largest_import_holds_its_place_for_minutes() -> None:
    assert streamed_body.GRACE_SECONDS + MAX_IMPORT / routes.MIN_RATE < 200


async def test_a_studio_that_was_killed_leaves_no_folder(studio: StudioInMemory, temporary: Path) -> None:
    leftover = temporary / "epochal-studio-conversion-abc"
    leftover.mkdir()
    (leftover / "large.keras").write_bytes(b"content")
    (temporary / "epochal-studio-conversion-link").symlink_to(tmp := temporary / "other")
    tmp.mkdir()
    for _ in range(MAX_PROCESSES):
        await studio.state.processes.acquire()
    waiting = asyncio.create_task(studio.post("/api/export", {"yaml": text(document()), "target": "keras"}))
    await eventually(
        lambda: len(list(temporary.glob("epochal-studio-conversion-*"))) == 3
    )  # with that of a Studio that runs
    process.remove_leftovers()
    assert not leftover.exists()
    assert tmp.exists()
    for _ in range(MAX_PROCESSES):
        studio.state.processes.release()
    assert (await waiting).status == 200
    (temporary / "epochal-studio-conversion-link").unlink()
    tmp.rmdir()


async def test_a_conversion_waits_for_its_process(studio: StudioInMemory) -> None:
    for _ in range(MAX_PROCESSES):
        await studio.state.processes.acquire()
    waiting = asyncio.create_task(studio.post("/api/export", {"yaml": text(document()), "target": "keras"}))
    await eventually(lambda: studio.state.exports.count == 1)
    assert not waiting.done()
    studio.state.processes.release()
    assert (await waiting).status == 200


async def test_a_browser_that_leaves(studio: StudioInMemory) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield FLOW[:100]
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(import_file(studio, "a.nnd", endless(), **{"Content-Length": str(len(FLOW))}))
    await begun.wait()
    await eventually(lambda: studio.state.imports.count == 1)
    task.cancel()
    await eventually(lambda: studio.state.imports.count == 0)


async def test_a_revoked_token(studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "MAX_AGE_SECONDS", 0.0)
    body = {"yaml": text(document()), "target": "keras"}
    assert (await import_file(studio, "a.nnd", FLOW)).status == 200
    del studio.server.users["alice"]
    assert (await import_file(studio, "a.nnd", FLOW)).status in {401, 503}
    assert (await studio.post("/api/export", body)).status in {401, 503}


async def test_a_fault_of_studio_is_none_of_the_file(
    studio: StudioInMemory,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    packages = tmp_path_factory.mktemp("packages")
    (packages / "sitecustomize.py").write_text(
        "import os, sys; sys.stderr.write('no package'); sys.stderr.flush(); os._exit(7)"
    )
    monkeypatch.setenv("PYTHONPATH", str(packages))  # the image finds its packages by this variable, too
    found = await import_file(studio, "a.nnd", FLOW)
    assert (found.status, found.json()["reason"]) == (500, "Internal")
    assert "the import has ended with exit code 7: no package" in caplog.text
