"""TrainingJobs from models of Keras: the trainer trains them from the staged files, and the handle loads the result."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import keras
import nbformat
import numpy as np
import pytest
import yaml
from epochal import TrainingJob, check
from epochal.errors import EpochalError
from epochal_api.trainingjob.network import Network
from epochal_trainer.model import network
from epochal_trainer.run import Folders, run

from tests.unit.cli.conftest import cluster, stored
from tests.unit.cli.notebook.models import surroundings
from tests.unit.cli.stored_results import Stored

__all__ = ["cluster", "stored"]
NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"
RANDOM = np.random.default_rng(3)
IMAGES = RANDOM.integers(0, 256, size=(40, 6, 6)).astype("uint8")
TABLE = RANDOM.normal(size=(40, 3)).astype("float32")
LABELS = (TABLE[:, 0] > 0).astype("uint8")


def two_inputs() -> keras.Model:
    image, columns = keras.Input((6, 6, 1), name="image"), keras.Input((3,), name="columns")
    scaled = keras.layers.Rescaling(1 / 255)(image)
    features = keras.Sequential(
        [keras.Input((6, 6, 1)), keras.layers.Conv2D(2, 3, activation="relu"), keras.layers.Flatten()], name="features"
    )(scaled)
    hidden = keras.layers.Dense(4, activation="relu", name="hidden")(
        keras.layers.Concatenate(name="both")([features, columns])
    )
    outputs = [
        keras.layers.Dense(2, activation="softmax", name="kind")(hidden),
        keras.layers.Dense(1, name="size")(hidden),
    ]
    model = keras.Model([image, columns], outputs)
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.01, 100, 0.9)),
        loss={"kind": keras.losses.SparseCategoricalCrossentropy(), "size": "mse"},
        loss_weights={"kind": 1.0, "size": 0.5},
        metrics={"kind": ["accuracy"]},
    )
    return model


@pytest.mark.usefixtures("process_is_restored")
def test_the_trainer_trains_the_job_of_a_model_with_its_arrays_and_weights(tmp_path: Path) -> None:
    model = two_inputs()
    data = ([IMAGES, TABLE], {"kind": LABELS, "size": TABLE[:, 1]})
    options: dict[str, Any] = {"epochs": 1, "batch_size": 8, "bucket": "bucket", "weights": True}
    job = TrainingJob.from_keras(
        model, name="pair", data=data, spec={"results": {"exports": [], "evaluation": False}}, **options
    )
    assert not check(job.document)
    assert job.spec["training"]["optimizer"]["learning_rate"]["name"] == "ExponentialDecay"
    assert job.staged is not None
    for file in job.staged.files:
        for folder in ("data", "results"):
            path = tmp_path / folder / file.key
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file.path, path)
    built = network.build(Network.model_validate(job.spec["network"]), seed=0, memory=2**32)
    built.load_weights(job.staged.files[-1].path)
    inputs = [IMAGES[..., None], TABLE]
    found, expected = built(inputs), model(inputs)
    np.testing.assert_allclose(found["kind"] if isinstance(found, dict) else found[0], expected[0], atol=1e-6)

    (tmp_path / "job.yaml").write_text(yaml.safe_dump(job.document))
    assert run(tmp_path / "job.yaml", Folders(tmp_path / "data", tmp_path / "results")) == 0
    assert list(tmp_path.glob("results/**/model.keras"))


class Mine(keras.layers.Layer):  # type: ignore[misc]
    pass


class Subclassed(keras.Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([Mine(name="my_layer")], 'layer "my_layer": Mine is a custom layer'),
        ([keras.layers.Lambda(lambda x: x * 2, name="double")], 'layer "double": Lambda'),
        ([keras.layers.Dense(2, activation=lambda x: x, name="odd")], 'layer "odd": '),
    ],
)
def test_refuses_layers_with_code_by_their_names(layers: list[Any], message: str) -> None:
    model = keras.Sequential([keras.Input((3,)), *layers, keras.layers.Dense(1)])
    model.compile(loss="mse")
    with pytest.raises(EpochalError, match=message):
        TrainingJob.from_keras(model, name="odd", data=(TABLE, LABELS))


def test_refuses_a_model_without_a_graph_or_a_shape() -> None:
    subclassed = Subclassed()
    subclassed.compile(loss="mse")
    unbuilt = keras.Sequential([keras.layers.Dense(1)])
    unbuilt.compile(loss="mse")
    for model, message in ((subclassed, "Subclassed"), (unbuilt, "the model is not built")):
        with pytest.raises(EpochalError, match=message):
            TrainingJob.from_keras(model, name="odd", data=(TABLE, LABELS))


def test_the_trained_model_is_loaded_from_the_bucket(stored: Stored, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.save(tmp_path / "model.keras")
    content = (tmp_path / "model.keras").read_bytes()
    models = [{"name": "model.keras", "sha256": hashlib.sha256(content).hexdigest()}]
    stored.put_job("done", {"model.keras": content}, state="Complete", results={"models": models})
    job = TrainingJob.get("done", environment=surroundings(tmp_path, stored.variables))
    np.testing.assert_array_equal(job.model()(TABLE), model(TABLE))


def test_the_notebook_of_the_documents_makes_a_job() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count is None and not cell.outputs for cell in cells)
    values: dict[str, Any] = {}
    for cell in cells:
        code = compile(cell.source, str(NOTEBOOK), "exec")
        if "submit" in cell.source:
            break
        exec(code, values)  # noqa: S102 - the cells before the first request
    job = values["job"]
    assert not check(job.document)
    assert [row.name for row in job.network.rows][-1] == "digit"
