"""The configuration in docs/operations.md."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kit.documents import blocks

(SCRAPE,) = blocks("docs/operations.md", "yaml", under="Prometheus: metrics, alerts and dashboard")
JOBS = yaml.safe_load(SCRAPE.text)["scrape_configs"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize("job", JOBS, ids=lambda job: job["job_name"])
def test_prometheus_accepts_the_scrape_config(job: Any, tmp_path: Path) -> None:
    file = tmp_path / "prometheus.yml"
    # Debian builds its Prometheus without ways to find targets in clusters.
    elsewhere = {name: value for name, value in job.items() if name != "kubernetes_sd_configs"}
    file.write_text(yaml.safe_dump({"scrape_configs": [elsewhere | {"static_configs": [{"targets": ["a:8080"]}]}]}))
    check = subprocess.run(["promtool", "check", "config", file], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stderr


def test_labels_of_training_jobs_win_over_those_of_the_target() -> None:
    assert JOBS[0]["honor_labels"] is True
