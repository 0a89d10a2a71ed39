"""A real Prometheus beside the cluster that scrapes the operator's service."""

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

ADDRESS = "127.0.0.1:19090"


@contextmanager
def prometheus(folder: Path, rules: Sequence[Path] = ()) -> Iterator[None]:
    scrape = {
        "job_name": "epochal",
        "honor_labels": True,
        "static_configs": [{"targets": ["epochal.epochal-system.svc:8080"]}],
    }
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "scrape_configs": [scrape],
        "rule_files": [str(rule) for rule in rules],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder}",
        f"--web.listen-address={ADDRESS}",
    ]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        yield
        server.terminate()


def ask(expression: str) -> list[dict[str, Any]]:
    """Returns the series that an expression gives by now; none while Prometheus starts.

    Raises:
        ValueError: If it is no expression.
    """
    try:
        with urllib.request.urlopen(f"http://{ADDRESS}/api/v1/query?query={quote(expression)}", timeout=5) as answer:
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return result
    except urllib.error.HTTPError as error:
        raise ValueError(f"{expression}: {error.read().decode()}") from error
    except OSError:
        return []


def query(expression: str) -> list[str]:
    return [series["value"][1] for series in ask(expression)]
