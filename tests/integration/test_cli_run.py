"""`epochal init` and `epochal run`: data as a user has them become a trained network, without a cluster."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from epochal.manifests import read
from epochal_trainer.run import Folders, run
from PIL import Image

from tests.kit.documents import blocks
from tests.kit.documents import run as run_blocks
from tests.unit.cli.commands import epochal

RNG = np.random.default_rng(0)
COUNT = 60
LOWEST_ACCURACY = 0.9
"""Lower bound of the accuracy on the wines: a guess has 0.4."""


def arrays(**found: Any) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        np.savez(folder / "data.npz", **found)
        return "data.npz"

    return write


def table(folder: Path) -> str:
    with (folder / "flowers.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["width", "color", "species"])
        rows.writerows([i % 7, ["red", "blue"][i % 2], ["setosa", "virginica"][i % 2]] for i in range(COUNT))
    return "flowers.csv"


def wine(folder: Path) -> str:
    """Writes the table of docs/tables.md."""
    table, *_ = blocks("docs/tables.md", "python")
    run_blocks([table], folder, timeout=60)
    return "wine.csv"


def photographs(folder: Path) -> str:
    for name, shade in (("cats", 250), ("dogs", 5)):
        (folder / "pets" / name).mkdir(parents=True)
        for index in range(10):
            Image.new("RGB", (16, 16), (shade, index, 0)).save(folder / "pets" / name / f"{index}.png")
    return "pets"


DATA = {
    "photographs": photographs,
    "yes or no": arrays(x=RNG.normal(size=(COUNT, 4)), y=RNG.integers(0, 2, (COUNT, 3))),
    "channels first": arrays(x=RNG.normal(size=(COUNT, 3, 8, 8)), y=np.arange(COUNT) % 3),
    "videos": arrays(x=RNG.normal(size=(COUNT, 4, 4, 4, 2)), y=RNG.normal(size=COUNT)),
    "texts": arrays(x=np.array(["a good day", "a bad day"] * (COUNT // 2)), y=np.arange(COUNT) % 2),
}
"""Data whose networks differ most. The unit tests of `init` have the others."""


def command(folder: Path, *arguments: str) -> str:
    """Returns the output of a command, which must succeed."""
    code, output, errors = epochal(*arguments, folder=folder)
    assert code == 0, output + errors
    return output.strip()


def shorten(path: Path) -> None:
    """Changes a TrainingJob to one epoch, without exports."""
    text = re.sub(r"epochs: \d+", "epochs: 1", path.read_text())
    path.write_text(text.replace("  results:\n", "  results:\n    exports: []\n    evaluation: false\n"))
    assert read(path)[0].document["spec"]["results"]["exports"] == []


@pytest.mark.usefixtures("process_is_restored")
@pytest.mark.parametrize("kind", DATA)
def test_the_written_training_job_trains(tmp_path: Path, kind: str) -> None:
    path = tmp_path / command(tmp_path, "init", DATA[kind](tmp_path))
    shorten(path)
    assert run(path, Folders(tmp_path, tmp_path / "results")) == 0


def test_from_data_to_a_model(tmp_path: Path) -> None:
    path = command(tmp_path, "init", table(tmp_path))
    assert path == "flowers.yaml"
    shorten(tmp_path / path)
    assert command(tmp_path, "check", path, "--shapes") == "Checked 1 object: no problems."
    results = Path(command(tmp_path, "run", path))
    assert (results / "model.keras").is_file()
    summary = json.loads((results / "summary.json").read_text())
    assert summary["best"]["value"] != ""


def test_the_wines_of_the_documents_are_classified(tmp_path: Path) -> None:
    path = command(tmp_path, "init", wine(tmp_path), "--label", "cultivar")
    file = tmp_path / path
    file.write_text(file.read_text().replace("  results:\n", "  results:\n    exports: []\n    evaluation: false\n"))
    results = Path(command(tmp_path, "run", path))
    with (results / "history.csv").open(newline="") as history:
        assert max(float(epoch["val_accuracy"]) for epoch in csv.DictReader(history)) > LOWEST_ACCURACY
