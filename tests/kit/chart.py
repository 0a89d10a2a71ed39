"""The chart in the local cluster, by helm, as `make install` installs it."""

import json
import subprocess
from pathlib import Path

from tests.kit import operator

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "epochal"
HELM_SECONDS = 180


def helm(*arguments: str) -> str:
    """Runs helm in the operator's namespace and returns its output; raises with its error if it fails."""
    command = ["helm", "--namespace", operator.NAMESPACE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HELM_SECONDS, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


def install(*options: str, chart: Path = CHART) -> None:
    """Installs or upgrades the release with the values of the local cluster, and waits until it is ready.

    Args:
        options: More options of helm.
        chart: The chart in a checkout of this repository. The values are those of the same checkout, because a former
            chart refuses values that it does not know.
    """
    values = ["--values", str(chart.parents[1] / "tests" / "cluster" / "values.yaml")]
    helm("upgrade", "--install", "epochal", str(chart), "--wait", *values, *options)


def image_option() -> tuple[str, str]:
    """Returns the option of the installed release beside its values: the identity of the operator's image."""
    values = json.loads(helm("get", "values", "epochal", "--output", "json"))
    return "--set-json", f"podAnnotations={json.dumps(values.get('podAnnotations', {}))}"
