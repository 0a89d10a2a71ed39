"""Facts, stores and specs for tests of the start of a training."""

from pathlib import Path

from epochal_api.trainingjob.training import Training
from epochal_trainer.checkpoint import ResumeFacts, ResumePoint, Store, find
from epochal_trainer.storage import FolderBucket

FACTS = ResumeFacts(
    samples=10,
    batch_size=2,
    steps=5,
    seed=7,
    optimizer={"name": "Adam"},
    data={"a": "0" * 64},
    loss={},
    callbacks=[],
    training_digest="0" * 64,
)
RECIPE = "1" * 64
URI = "s3://results/lab/old/1/"


def store(tmp_path: Path, folder: str) -> Store:
    tmp_path.joinpath("bucket").mkdir(exist_ok=True)
    return Store(FolderBucket(tmp_path / "bucket"), folder, tmp_path / "scratch")


def training(epochs: int = 5, **continue_from: str) -> Training:
    described = {"loss": "mse", "epochs": epochs}
    return Training.model_validate(described | ({"continueFrom": continue_from} if continue_from else {}))


def found(tmp_path: Path, spec: Training, *, keeps_best: bool = True) -> ResumePoint | None:
    def open_results(uri: str) -> tuple[FolderBucket, str]:
        return FolderBucket(tmp_path / "bucket"), uri.removeprefix("s3://results/").strip("/")

    return find(store(tmp_path, "lab/new/2"), spec, RECIPE, open_results, keeps_best=keeps_best)
