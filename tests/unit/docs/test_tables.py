"""The page about tables: its Python writes files that the trainer reads, and its YAML is valid."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from epochal_api.trainingjob.spec import parse
from epochal_trainer.data.formats import npz
from epochal_trainer.data.memory import MemoryBudget
from epochal_trainer.data.samples import Samples
from epochal_trainer.data.source import DataFile

from tests.kit.documents import blocks, run

PAGE = "docs/tables.md"
JOB: dict[str, Any] = yaml.safe_load(blocks(PAGE, "yaml", under="Normalization")[0].text)


def test_a_csv_table_becomes_npz(tmp_path: Path) -> None:
    parts = [block for block in blocks(PAGE, "python") if "pandas" not in block.text]
    run(parts, tmp_path, timeout=60)
    read = npz.read(DataFile("wine.npz", tmp_path / "wine.npz"), ["train", "test"], MemoryBudget())
    train, test = read["train"], read["test"]
    assert (train.features.shape, test.features.shape) == ((143, 13), (35, 13))
    assert train.features.dtype == np.float32
    assert sorted(set(train.labels)) == [0, 1, 2]
    assert names_of(train) == (3, 13, "class_0", "alcohol")
    network = JOB["spec"]["network"]
    assert (network["input"]["shape"], network["layers"][-1]["units"]) == ([13], 3)


def test_the_command_converts_the_table_and_writes_a_valid_job(tmp_path: Path) -> None:
    table, *_ = blocks(PAGE, "python")
    run([table, *blocks(PAGE, "sh", under="Convert a table with a command")], tmp_path, timeout=60)
    job = parse(yaml.safe_load((tmp_path / "wine.yaml").read_text()))
    assert job.spec.training.loss is not None
    assert np.load(tmp_path / "wine.npz")["x"].shape == (178, 13)


def names_of(samples: Samples) -> tuple[int, int, str, str]:
    assert samples.class_names is not None
    assert samples.feature_names is not None
    classes, columns = samples.class_names.names, samples.feature_names.names
    return len(classes), len(columns), classes[0], columns[0]


def test_each_example_is_a_valid_job() -> None:
    parts = [yaml.safe_load(block.text) for block in blocks(PAGE, "yaml")]
    assert len(parts) == 4
    for part in parts[1:]:
        parse({**JOB, "spec": {**JOB["spec"], **part}})
    assert parse(JOB).metadata.name == "wine"
