"""The command: it listens before it imports what takes long."""

import subprocess
import sys
from importlib.metadata import version

import pytest
from epochal_server.__main__ import NAME, main

LONG = ("aiohttp", "asyncio", "importlib.metadata", "minio", "numpy", "onnxruntime", "pydantic")


def test_nothing_that_takes_long_is_imported_before_it_listens() -> None:
    program = f"import sys; import epochal_server.__main__; print([name for name in {LONG} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], check=True, text=True, capture_output=True, timeout=60)
    assert found.stdout.strip() == "[]"


def test_tells_its_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", [NAME, "--version"])
    main()
    assert capsys.readouterr().out.strip() == version(NAME)
