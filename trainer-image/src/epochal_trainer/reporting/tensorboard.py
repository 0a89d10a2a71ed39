"""Writes the metric values as TensorBoard event files."""

from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

from epochal_trainer.reporting.history import Epoch


class Scalars:
    """Writes metric values as scalars, in the runs `train` and `validation`, with the names of Keras' TensorBoard."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, tf.summary.SummaryWriter] = {}

    def write(self, epoch: Epoch) -> None:
        """Write the metric values of an epoch."""
        train = {name: value for name, value in epoch.metrics.items() if not name.startswith("val_")}
        if epoch.learning_rate is not None:
            train["learning_rate"] = epoch.learning_rate
        validation = {name[4:]: value for name, value in epoch.metrics.items() if name.startswith("val_")}
        for run, values in (("train", train), ("validation", validation)):
            if values:
                self._write(run, epoch.number, values)

    def close(self) -> None:
        """Flush and close the event files."""
        for writer in self._writers.values():
            writer.close()

    def _write(self, run: str, epoch: int, values: Mapping[str, float]) -> None:
        if run not in self._writers:
            self._writers[run] = tf.summary.create_file_writer(str(self._folder / run))
        with self._writers[run].as_default(step=epoch):
            for name, value in values.items():
                tf.summary.scalar(f"epoch_{name}", value)
