"""The images that the policy of ModelServers admits during a rollout of the operator."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.chart.conftest import ROOT

Object = dict[str, Any]

COMPLETE = {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
ROLLING = COMPLETE | {"replicas": 3, "updatedReplicas": 1}


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chart with the helpers, and a template that prints the admitted images: `helm template` looks up no objects."""
    folder = tmp_path_factory.mktemp("chart")
    (folder / "templates").mkdir()
    (folder / "Chart.yaml").write_text("{apiVersion: v2, name: images, version: 0.0.0}")
    shutil.copy(ROOT / "charts/epochal/templates/_helpers.tpl", folder / "templates")
    arguments = "(list .Values.images .Values.policy .Values.deployment)"
    (folder / "templates/images.yaml").write_text(
        f'images: {{{{ include "epochal.admittedImages" {arguments} | quote }}}}'
    )
    return folder


def admitted(helm: str, chart: Path, images: str, annotations: dict[str, str] | None, status: Object | None) -> str:
    """Return the images that an upgrade admits, by the annotations of the policy and the status of the Deployment."""
    values = {
        "images": images.split(),
        "policy": {"metadata": {"annotations": annotations}} if annotations else {},
        "deployment": {"metadata": {"generation": 3}, "spec": {"replicas": 2}, "status": status} if status else {},
    }
    command = [helm, "template", str(chart), "--values=-"]
    done = subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split('"')[1]


@pytest.mark.parametrize(
    ("annotations", "status", "expected"),
    [
        pytest.param(None, None, "s:3 t:3", id="installation"),
        pytest.param({"images": "s:2 t:2"}, COMPLETE, "s:3 t:3 s:2 t:2", id="policy of an older chart"),
        pytest.param(
            {"images": "s:2 t:2", "admitted-images": "s:2 t:2 s:1 t:1"},
            COMPLETE,
            "s:3 t:3 s:2 t:2",
            id="complete rollout",
        ),
        pytest.param(
            {"images": "s:2 t:2", "admitted-images": "s:2 t:2 s:1 t:1"},
            ROLLING,
            "s:3 t:3 s:2 t:2 s:1 t:1",
            id="second upgrade during a rollout",
        ),
        pytest.param(
            {"images": "s:3 t:3", "admitted-images": "s:3 t:3 s:2 t:2"},
            COMPLETE | {"observedGeneration": 2},
            "s:3 t:3 s:2 t:2",
            id="same upgrade again before the controller sees the first",
        ),
        pytest.param(
            {"images": "s:2 t:2", "admitted-images": "s:2 t:2 s:1 t:1"},
            ROLLING | {"availableReplicas": 0},
            "s:3 t:3 s:2 t:2 s:1 t:1",
            id="failing rollout",
        ),
    ],
)
def test_images_of_a_possible_leader_stay_admitted(
    helm: str, chart: Path, annotations: dict[str, str] | None, status: Object | None, expected: str
) -> None:
    prefixed = annotations and {f"epochal.dev/{key}": value for key, value in annotations.items()}
    assert admitted(helm, chart, "s:3 t:3", prefixed, status) == expected
