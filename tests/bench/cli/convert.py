"""CPU time and memory of the import and the export of a large network."""

import json
import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.cli.processes import EPOCHAL, Used, use
from tests.bench.figures import Figure, spread
from tests.bench.turns import in_turn

LAYERS = 1000
ROUNDS = 5
SECONDS = 2.0
"""The goal, in seconds of CPU, imports included."""
TARGETS = ("keras", "notebook", "torch", "caffe")


def keras_model(layers: int) -> dict[str, Any]:
    """Returns a Sequential model of Dense layers, as `model.to_json()` writes it.

    Args:
        layers: Number of layers, its InputLayer included.
    """
    entries = [_layer("InputLayer", "image", batch_shape=[None, 8])]
    entries += [_layer("Dense", f"dense_{number}", units=8, activation="relu") for number in range(1, layers - 1)]
    entries.append(_layer("Dense", "classes", units=4, activation="softmax"))
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "large", "layers": entries}}


def _layer(kind: str, name: str, **config: Any) -> dict[str, Any]:
    entry = {"module": "keras.layers", "class_name": kind, "registered_name": None}
    return {**entry, "config": {"name": name, **config}}


def convert() -> list[Figure]:
    """Measures the import of a Keras model, and the exports of the TrainingJob that it becomes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, job = folder / "large.json", folder / "large.yaml"
        model.write_text(json.dumps(keras_model(LAYERS)))
        use(EPOCHAL, "import", model, output=job)
        runs = {"import": partial(use, EPOCHAL, "import", model)}
        for target in TARGETS:
            written = folder / target
            written.mkdir()
            runs[target] = partial(use, EPOCHAL, "export", job, "--to", target, "--force", folder=written)
        used = in_turn(runs, ROUNDS)
    return [
        _figure(f"`epochal import` of a Keras model of {LAYERS:,} layers", used.pop("import")),
        *(_figure(f"`epochal export --to {target}` of {LAYERS:,} layers", found) for target, found in used.items()),
    ]


def _figure(name: str, used: list[Used]) -> Figure:
    cpu = [each.cpu for each in used]
    memory = max(each.megabytes for each in used)
    return Figure(name, f"memory at its peak: {memory:.0f} MB", spread(cpu), f"{SECONDS:g} s", median(cpu) <= SECONDS)
