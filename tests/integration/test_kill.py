"""Trainings that are killed: real processes, real signals, at moments that differ from run to run.

They train in mixed precision: its scale of the loss is one more state to resume from.
"""

import csv
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import yaml

from tests.kit.jobs import EXAMPLES, digits_file

EPOCHS = 16
PATIENT = {"callback": "EarlyStopping", "monitor": "val_loss", "patience": EPOCHS, "restore_best_weights": True}
GROWING_SCALE = {"name": "LossScaleOptimizer", "inner_optimizer": {"name": "Adam"}, "dynamic_growth_steps": 3}
WORST = {"metric": "loss", "mode": "Max"}
"""Makes the first epoch the best one: its weights must survive all later epochs."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kill")
    digits_file(path / "data")
    return path


def start(folder: Path, results: str, **training: Any) -> subprocess.Popen[str]:
    document = yaml.safe_load((EXAMPLES / "digits.yaml").read_text())
    document["spec"]["training"] |= {
        "epochs": EPOCHS,
        "checkpoint": {"everySeconds": 1},
        "callbacks": [PATIENT],
        "monitor": WORST,
        "precision": "mixed_float16",
        "optimizer": GROWING_SCALE,
    } | training
    document["spec"]["results"] |= {"exports": [], "evaluation": False}
    path = folder / f"{results}.yaml"
    path.write_text(yaml.safe_dump(document))
    command = [sys.executable, "-m", "epochal_trainer", "run", str(path)]
    command += ["--data", str(folder / "data"), "--results", str(folder / results)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    with process:
        output, _ = process.communicate(timeout=300)
    return process.returncode, output


def strike(
    process: subprocess.Popen[str], number: signal.Signals, epoch: int, moment: random.Random
) -> tuple[int, str]:
    """Sends a signal at a random moment after an epoch."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if f"Epoch {epoch:>2}/{EPOCHS}" in line:
            time.sleep(moment.uniform(0, 0.15))
            process.send_signal(number)
            break
    code, rest = end(process)
    return code, "".join(seen) + rest


def of(folder: Path) -> tuple[list[Any], list[list[str]], str]:
    """Returns the results of a training: weights of both models, history without seconds, log."""
    (results,) = (folder / "default/digits").iterdir()
    rows = list(csv.reader((results / "history.csv").read_text().splitlines()))
    models = [keras.saving.load_model(results / name) for name in ("model.keras", "best.keras")]
    weights = [weight for model in models for weight in model.get_weights()]
    return weights, [row[:1] + row[2:] for row in rows], (results / "training.log").read_text()


def models(folder: Path) -> list[dict[str, Any]]:
    """Returns the models in the summary without the digests of their files, which contain the time."""
    (results,) = (folder / "default/digits").iterdir()
    found: list[dict[str, Any]] = json.loads((results / "summary.json").read_text())["models"]
    return [{name: value for name, value in item.items() if name != "sha256"} for item in found]


def test_a_killed_training_ends_like_an_undisturbed_one(folder: Path, moment: random.Random) -> None:
    code, output = strike(start(folder, "killed"), signal.SIGKILL, moment.randint(2, 4), moment)
    assert code == -signal.SIGKILL, output
    code, output = strike(start(folder, "killed"), signal.SIGTERM, moment.randint(6, 8), moment)
    assert code == 143, output
    assert "Resuming from" in output
    code, output = end(start(folder, "killed"))
    assert code == 0, output
    assert "checkpoint of attempt 2)" in output
    code, output = end(start(folder, "whole"))
    assert code == 0, output

    weights, history, _ = of(folder / "whole")
    resumed, same, log = of(folder / "killed")
    for one, other in zip(weights, resumed, strict=True):
        np.testing.assert_array_equal(one, other)
    assert same == history
    assert models(folder / "killed") == models(folder / "whole")
    assert [(model["name"], model["epoch"] == 1) for model in models(folder / "whole")] == [
        ("model.keras", False),
        ("best.keras", True),
    ]
    assert [log.count(f"Epoch {epoch:>2}/{EPOCHS} ") for epoch in range(1, EPOCHS + 1)] == [1] * EPOCHS
    assert log.count("Resuming from") == 2


def test_a_finished_training_can_be_continued(folder: Path) -> None:
    (before,) = (folder / "whole/default/digits").iterdir()
    uri = f"s3://digits-results/default/digits/{before.name}/"
    code, output = end(start(folder, "whole", epochs=EPOCHS + 2, continueFrom={"uri": uri}))
    assert code == 0, output
    assert f"Resuming from the end of epoch {EPOCHS}" in output
    (after,) = set((folder / "whole/default/digits").iterdir()) - {before}
    rows = (after / "history.csv").read_text().splitlines()
    assert rows[: EPOCHS + 1] == (before / "history.csv").read_text().splitlines()
    assert len(rows) == EPOCHS + 3
