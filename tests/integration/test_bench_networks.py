"""The script of the bench trains the same networks as the trainer."""

import csv
import io
import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import minio
import pytest
import yaml
from epochal_trainer.run import Folders, run

from tests.bench.networks import NETWORKS, Network
from tests.bench.train import SCRIPT

pytestmark = pytest.mark.usefixtures("process_is_restored")

SAMPLES = 60
"""Fewer than a batch: trainer and Keras shuffle in another order, which does not change the loss of a single batch."""
EPOCHS = 2


def trained(network: Network, folder: Path) -> list[dict[str, float]]:
    """Returns losses and metrics of each epoch of the trainer."""
    path = folder / "job.yaml"
    job = network.job("tiny", EPOCHS)
    job["spec"]["results"]["evaluation"] = False
    path.write_text(yaml.safe_dump(job))
    assert run(path, Folders(folder, folder / "results")) == 0
    (history,) = (folder / "results").rglob("history.csv")
    rows = csv.DictReader(io.StringIO(history.read_text()))
    return [{key: float(value) for key, value in row.items()} for row in rows]


def scripted(network: Network, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, float]]:
    """Returns losses and metrics of each epoch of the script, which reads and stores in a folder."""
    stored = []

    class Store:
        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def get_object(self, _: str, name: str) -> io.BytesIO:
            return io.BytesIO((folder / name).read_bytes())

        def fput_object(self, bucket: str, name: str, path: str) -> None:
            assert Path(path).exists()
            stored.append((bucket, name))

    monkeypatch.setattr(minio, "Minio", Store)
    given = {"NETWORK": network.name, "EPOCHS": EPOCHS, "BATCH_SIZE": network.batch_size, "TMPDIR": folder}
    for name, value in given.items():
        monkeypatch.setenv(name, str(value))
    for name in ("ENDPOINT", "EPOCHAL_ACCESS_KEY", "EPOCHAL_SECRET_KEY"):
        monkeypatch.setenv(name, "")
    history = runpy.run_path(str(SCRIPT))["model"].history.history
    assert stored == [("bench-results", "plain/model.keras")]
    return [{key: values[epoch] for key, values in history.items()} for epoch in range(EPOCHS)]


@pytest.mark.parametrize("network", NETWORKS, ids=[network.name for network in NETWORKS])
def test_trainer_and_script_train_the_same_network(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = replace(network, samples=SAMPLES, batch_size=SAMPLES)
    network.write_data(tmp_path / f"{network.name}.npz")
    ours, theirs = trained(network, tmp_path), scripted(network, tmp_path, monkeypatch)
    for epoch, other in zip(ours, theirs, strict=True):
        assert {name: epoch[name] for name in other} == pytest.approx(other, rel=1e-3)
