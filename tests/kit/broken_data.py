"""The data sets of the broken TrainingJobs in tests/broken."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

_SAMPLES = 24
_CLASSES = 3


def save_data(folder: Path) -> None:
    """Saves an npz file for each data set."""
    for name, arrays in _data_sets().items():
        np.savez(folder / f"{name}.npz", **arrays)
    np.savez(folder / "unnamed.npz", *_data_sets()["images"].values())


def _data_sets() -> Mapping[str, Mapping[str, Any]]:
    random = np.random.default_rng(0)
    rows, numbers = np.arange(_SAMPLES), random.normal(size=_SAMPLES).astype("float32")
    table = random.normal(size=(_SAMPLES, 6)).astype("float32")
    gray = random.random((_SAMPLES, 8, 8)).astype("float32")
    rgb = random.random((_SAMPLES, 8, 8, 3)).astype("float32")
    tokens = np.stack([(rows + step) % 20 for step in range(10)], axis=1)
    series = random.normal(size=(_SAMPLES, 12, 2)).astype("float32")
    classes, binary = rows % _CLASSES, rows % 2
    one_hot = np.eye(_CLASSES, dtype="float32")[classes]
    with_gaps = table.copy()
    with_gaps[3, 2] = np.nan
    pairs = {"image": gray, "table": table, "digit": classes, "odd": binary}
    return {
        "classes": {"x": table, "y": classes},
        "extra": {"x": gray, "y": classes, "names": rows},
        "first": {"x": rgb.transpose(0, 3, 1, 2), "y": classes},
        "from1": {"x": table, "y": classes + 1},
        "gray": {"x": gray, "y": classes},
        "images": {"x": gray[..., np.newaxis], "y": classes},
        "images2": {"x": 1 - gray[..., np.newaxis], "y": classes},
        "misnamed": {"images": gray, "labels": classes},
        "multilabel": {"x": table, "y": np.stack([rows // 2**bit % 2 for bit in range(3)], axis=1)},
        "nan": {"x": with_gaps, "y": classes},
        "numbers": {"x": table, "y": numbers},
        "onehot": {"x": table, "y": one_hot},
        "pairs": pairs,
        "rgb": {"x": rgb, "y": classes},
        "series": {"x": series, "y": numbers},
        "short": {"x": table, "y": classes[:-1]},
        "sorted": {"x": gray, "y": np.sort(classes)},
        "table": {"x": table, "y": binary},
        "tokens": {"x": tokens, "y": binary},
        "triples": {**pairs, "extra": random.normal(size=(_SAMPLES, 2))},
        "words": {"x": np.array(["bad", "good"] * (_SAMPLES // 2)), "y": binary},
    }
