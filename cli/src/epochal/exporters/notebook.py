"""The target notebook: the script of the target keras as cells of a Jupyter notebook, with plots of the metrics."""

import json
from typing import Any

from epochal_api.trainingjob.spec import TrainingJob

from epochal.exporters.keras.helpers import HELPERS
from epochal.exporters.keras.script import EXACT, SIMPLE, file_locations, functions_of, imports, sections, title
from epochal.exporters.python_code import assign, literal

_CURVES = """\
names = [name for name in history.history if not name.startswith("val_")]
figure, axes = plt.subplots(1, len(names), figsize=(5 * len(names), 4), squeeze=False)
for axis, name in zip(axes[0], names):
    axis.plot([epoch + 1 for epoch in history.epoch], history.history[name], label=name)
    if values := history.history.get(f"val_{name}"):
        validated = history.epoch[VALIDATION_EVERY - 1 :: VALIDATION_EVERY]
        axis.plot([epoch + 1 for epoch in validated], values, label=f"val_{name}")
    axis.set_xlabel("epoch")
    axis.legend()
plt.show()"""


def export(job: TrainingJob, *, simple: bool = False) -> dict[str, bytes]:
    """Return the Jupyter notebook of a TrainingJob, by its file name. For `simple`, see `epochal.exporters.export`."""
    used = sections(job, simple=simple)
    settings = [
        assign(constant, literal(default)) + f"  # {meaning}" for constant, default, meaning in file_locations(job)
    ]
    settings += ['RESULTS = Path(".")  # the folder for model.keras', "RESULTS.mkdir(parents=True, exist_ok=True)"]
    settings += [line for section in used for line in section.constants]
    settings.append(f"VALIDATION_EVERY = {job.spec.training.validation_every_epochs}")
    cells = [
        _text(
            f"# {title(job)}\n\nTrains the network of a TrainingJob, without Epochal.\n\n{SIMPLE if simple else EXACT}"
        ),
        _code(imports(used, "import matplotlib.pyplot as plt")),
        _text(
            "## Settings\n\n`DATA` may be a folder that has the objects of the bucket under their keys. For a bucket, "
            "set `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_ENDPOINT_URL_S3`."
        ),
        _code("\n".join(settings)),
    ]
    known: list[str] = []
    for section in used:
        if not section.lines:
            continue
        added = functions_of(section, known)
        known += added
        cells.append(_text(f"## {section.title}"))
        if added:
            cells.append(_code("\n\n\n".join(HELPERS[name].code.strip("\n") for name in added)))
        cells.append(_code("\n".join(section.lines)))
    cells += [_text("## The curves"), _code(_CURVES)]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    document = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return {f"{title(job)}.ipynb": f"{json.dumps(document, indent=1)}\n".encode()}


def _text(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _code(code: str) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": code}
