"""The wheels of the command, in an environment of their own without TensorFlow."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.kit.cache import CACHE
from tests.unit.cli.importers import flows

CHECKOUT = Path(__file__).parents[2]
PACKAGES = ("epochal", "epochal-api", "epochal-lib")
TABLE = "width,height,species\n" + "".join(f"{i % 7},{i % 3},{('setosa', 'virginica')[i % 2]}\n" for i in range(40))
FLOW = flows.flow(
    flows.node("Images", "input.imagedata", **flows.DATA),
    flows.node("Flatten", "core.flatten", ["Images"]),
    flows.node("Ten", "core.dense", ["Flatten"], output_dim="10"),
    flows.node("Softmax", "activation.softmax", ["Ten"]),
    flows.node("Loss", "loss.softmaxcrossentropyloss", ["Softmax"]),
    flows.node("Adam", "optimizer.adam", ["Loss"]),
    name="flow",
)


def uv(*arguments: str, folder: Path = CHECKOUT) -> str:
    """Returns the output of uv, as the Makefile finds it."""
    program = shutil.which("uv") or str(CACHE / "uv" / "bin" / "uv")
    variables = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    command = [program, "--quiet", "--no-progress", *arguments]
    return subprocess.run(command, cwd=folder, env=variables, check=True, stdout=subprocess.PIPE, text=True).stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds the wheels, installs them with the locked packages, and returns the folder of the commands."""
    folder = tmp_path_factory.mktemp("wheels")
    for package in PACKAGES:
        uv("build", "--wheel", "--package", package, "--out-dir", str(folder))
    locked = folder / "locked.txt"
    locked.write_text(uv("export", "--frozen", "--no-dev", "--no-emit-workspace", "--package", "epochal"))
    environment = folder / "environment"
    uv("venv", "--python", sys.executable, str(environment))
    pip = ("pip", "install", "--python", str(environment), "--no-deps")
    uv(*pip, "--requirement", str(locked))
    uv(*pip, "--offline", *(str(wheel) for wheel in folder.glob("*.whl")))
    uv("pip", "check", "--python", str(environment))
    return environment / "bin"


def command(installed: Path, folder: Path, *arguments: str) -> str:
    """Returns the output of the installed command, which must succeed."""
    variables = {"PATH": os.defpath, "HOME": str(folder)}
    ended = subprocess.run(
        [installed / "epochal", *arguments], cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_command_works_without_tensorflow(installed: Path, tmp_path: Path) -> None:
    assert not list(installed.parent.glob("lib/*/site-packages/tensorflow*"))
    assert not list(installed.parent.glob("lib/*/site-packages/keras*"))
    (tmp_path / "flowers.csv").write_text(TABLE)
    (tmp_path / "flow.nnd").write_text(json.dumps(FLOW))
    assert command(installed, tmp_path, "init", "flowers.csv") == "flowers.yaml\n"
    assert command(installed, tmp_path, "import", "flow.nnd", "-o", "flow.yaml") == "flow.yaml\n"
    found = command(installed, tmp_path, "check", "flowers.yaml", "flow.yaml")
    assert found == "Checked 2 objects: no problems.\n"
    for name in ("flowers", "flow"):
        job = yaml.safe_load((tmp_path / f"{name}.yaml").read_text())["metadata"]["name"]
        assert command(installed, tmp_path, "export", f"{name}.yaml", "--to", "keras") == f"{job}.py\n"
        compile((tmp_path / f"{job}.py").read_text(), job, "exec")
    assert command(installed, tmp_path, "export", "flowers.yaml", "--to", "torch", "-o", "torch/").count("\n") == 3


def test_an_error_names_the_package_to_install(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "flowers.csv").write_text(TABLE)
    command(installed, tmp_path, "init", "flowers.csv")
    ended = subprocess.run(
        [installed / "kubectl-epochal", "run", "flowers.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "install the wheels of epochal-trainer" in ended.stderr
    assert "Traceback" not in ended.stderr
