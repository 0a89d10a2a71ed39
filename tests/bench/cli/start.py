"""CPU time of `--help`, `check`, `list` and completion, beside the imports that they need."""

import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from tests.bench.cli.api_server import EXAMPLE, served
from tests.bench.cli.processes import EPOCHAL, Used, importing, use
from tests.bench.figures import Figure, spread
from tests.bench.turns import in_turn
from tests.kit import kubeconfig

ROUNDS = 11
JOBS = 1000
HELP, CHECK, REQUEST, MORE_JOBS = 0.2, 0.15, 0.15, 1.0
"""Goals, in seconds of CPU. CHECK and REQUEST are seconds above imports, MORE_JOBS above the first request."""
CHECK_IMPORTS = "epochal_api.file_problems, yaml, typer"
CLIENT_IMPORTS = "kubernetes.client, kubernetes.config"
_NO_CONNECTION = 5


def before_a_training() -> list[Figure]:
    """Measures `--help` and `check`, beside their bare imports."""
    cpu = _cpu(
        {
            "bare": partial(use, *importing("epochal_api, yaml, typer")),
            "help": partial(use, EPOCHAL, "--help"),
            "imports": partial(use, *importing(CHECK_IMPORTS)),
            "check": partial(use, EPOCHAL, "check", EXAMPLE),
        }
    )
    return [
        Figure(
            "`epochal --help`",
            f"`import epochal_api, yaml, typer`: {spread(cpu['bare'])}",
            spread(cpu["help"]),
            f"{HELP:g} s",
            median(cpu["help"]) <= HELP,
        ),
        more(f"`epochal check {EXAMPLE.name}`", CHECK_IMPORTS, cpu["check"], cpu["imports"], CHECK),
    ]


def on_a_cluster() -> list[Figure]:
    """Measures `list` and the completion of names, on an API server in another process.

    A port where no server listens ends a command at its first request.
    """
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), JOBS) as variables:
        closed = kubeconfig.write(Path(folder) / "closed.yaml", "http://127.0.0.1:1", "user")
        completing = {
            "_EPOCHAL_COMPLETE": "complete_fish",
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            "_TYPER_COMPLETE_ARGS": "epochal watch job-99",
        }
        contenders: dict[str, Callable[[], Used]] = {
            "imports": partial(use, *importing(CLIENT_IMPORTS)),
            "request": partial(use, EPOCHAL, "list", "--kubeconfig", closed, codes={_NO_CONNECTION}),
            "list": partial(use, EPOCHAL, "list", variables=variables),
            "complete": partial(use, EPOCHAL, variables={**variables, **completing}),
        }
        if shutil.which("kubectl"):
            get = ("kubectl", "get", "--raw", "/apis/epochal.dev/v1alpha1/namespaces/vision/trainingjobs")
            contenders["kubectl"] = partial(use, *get, variables=variables)
        use(EPOCHAL, "list", variables=variables, output=Path(folder) / "listed")
        listed = (Path(folder) / "listed").read_text().count("job-")
        if listed != JOBS:
            raise RuntimeError(f"`epochal list` printed {listed} TrainingJobs, expected {JOBS}")
        cpu = _cpu(contenders)
    kubectl = f"; `kubectl get --raw`: {spread(cpu['kubectl'])}" if "kubectl" in cpu else ""
    longer = median(cpu["list"]) - median(cpu["request"])
    return [
        more("`epochal list` to its first request", CLIENT_IMPORTS, cpu["request"], cpu["imports"], REQUEST),
        Figure(
            f"`epochal list` with {JOBS:,} TrainingJobs",
            f"to its first request: {spread(cpu['request'])}{kubectl}",
            f"{spread(cpu['list'])}: {longer:+.3g} s",
            f"at most +{MORE_JOBS:g} s at the median",
            longer <= MORE_JOBS,
        ),
        Figure(
            f"completion of a name, with {JOBS:,} TrainingJobs",
            f"`import {CLIENT_IMPORTS}`: {spread(cpu['imports'])}",
            spread(cpu["complete"]),
        ),
    ]


def more(name: str, modules: str, ours: list[float], imports: list[float], goal: float) -> Figure:
    """Returns the line for a command beside the import of modules."""
    above = median(ours) - median(imports)
    baseline = f"`import {modules}`: {spread(imports)}"
    measured = f"{spread(ours)}: {above * 1000:+.0f} ms"
    return Figure(name, baseline, measured, f"at most +{goal * 1000:.0f} ms at the median", above <= goal)


def _cpu(contenders: dict[str, Callable[[], Used]]) -> dict[str, list[float]]:
    """Returns seconds of CPU by name, in turn. The first run of each, which writes bytecode, does not count."""
    for run in contenders.values():
        run()
    return {name: [used.cpu for used in runs] for name, runs in in_turn(contenders, ROUNDS).items()}
