"""The command `epochal-server`."""

import subprocess
import sys
from importlib.metadata import version

import pytest
from epochal_server.__main__ import NAME, main

LONG = ("aiohttp", "asyncio", "importlib.metadata", "minio", "numpy", "onnxruntime", "pydantic")


def test_imports_no_slow_module_before_listening() -> None:
    program = f"import sys; import epochal_server.__main__; print([name for name in {LONG} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], check=True, text=True, capture_output=True, timeout=60)
    assert found.stdout.strip() == "[]"


def test_prints_its_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", [NAME, "--version"])
    main()
    assert capsys.readouterr().out.strip() == version(NAME)


def test_neither_log_nor_standard_output_has_a_secret() -> None:
    """Web tokens and private keys, too, as an error of a library may quote them."""
    secrets = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln -----BEGIN PRIVATE KEY-----MHcCAQEEIA"
    program = (
        "import sys, epochal_server.__main__ as program\n"
        f"def fail(_): raise ValueError({secrets!r})\n"
        "program._serve = fail\n"
        "sys.argv[1:] = []\n"
        "program.main()"
    )
    process = subprocess.run([sys.executable, "-c", program], check=False, text=True, capture_output=True, timeout=60)
    assert process.returncode == 1
    assert "ValueError: *** ***" in process.stderr
    assert not any(part in process.stdout + process.stderr for part in ("eyJ", "MHcC"))
