"""A command imports only the libraries that it uses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.api_server import ClusterInMemory
from tests.unit.cli.objects import put_job, running

EXAMPLE = Path(__file__).parents[3] / "manifests" / "examples" / "mnist.yaml"
LIGHT = frozenset({("--help",), ("check", "--help")})
"""Command lines that import less: rich or pydantic would take more time than the rest of a help."""
HEAVY = ("kubernetes", "minio", "numpy", "keras", "tensorflow", "plotext", "PIL", "epochal_trainer", "urllib3")


@pytest.mark.parametrize("arguments", [("check", str(EXAMPLE)), ("--help",), ("check", "--help")])
def test_check_and_help_import_no_large_library(arguments: tuple[str, ...]) -> None:
    program = (
        "import sys; from epochal.__main__ import run; from epochal.environment import Environment; "
        "code = run(sys.argv[1:], Environment()); print(*{name.split('.')[0] for name in sys.modules}); sys.exit(code)"
    )
    ended = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    modules = set(ended.stdout.splitlines()[-1].split())
    assert "epochal" in modules
    assert modules.isdisjoint({*HEAVY, "rich", "pydantic"} if arguments in LIGHT else HEAVY)


def test_list_imports_no_model_of_kubernetes_or_of_the_api(cluster: ClusterInMemory) -> None:
    put_job(cluster, "mnist", **running(3))
    program = (
        "import sys; from epochal.__main__ import run; from epochal.environment import Environment; "
        "code = run(['list'], Environment()); print(*sys.modules); sys.exit(code)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | cluster.variables, capture_output=True, text=True, check=True
    )
    modules = set(ended.stdout.splitlines()[-1].split())
    assert "kubernetes" in modules
    assert modules.isdisjoint({"minio", "numpy", "rich", "epochal_api.model", "epochal_api.catalogue"})
    assert not [name for name in modules if name.startswith("kubernetes.client.models.")]


def test_the_library_imports_nothing_by_itself() -> None:
    program = "import sys, epochal; print(*{name.split('.')[0] for name in sys.modules})"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"yaml", "pydantic", "typer", "epochal_api", *HEAVY}.isdisjoint(ended.stdout.split())


def test_the_handles_of_a_notebook_import_no_library_before_their_use() -> None:
    program = (
        "import sys; from epochal import Experiment, ModelServer, TrainingJob; "
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"pandas", "ipywidgets", "IPython", *HEAVY}.isdisjoint(ended.stdout.split())
