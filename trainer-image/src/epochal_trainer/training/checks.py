"""What a training is looked at for of which nothing fails: quiet mistakes are warned of."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import keras
from epochal_api.report import Warned
from epochal_api.trainingjob import TrainingJobSpec

from epochal_trainer.data import DataSets, classes
from epochal_trainer.model.last_layer import check_last_layer
from epochal_trainer.model.metrics import check_metrics
from epochal_trainer.model.network import Node
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.reporting.warnings import Warnings
from epochal_trainer.training.chance import Chance


class Checks:
    """Looks at each part of a training once it is there.

    Args:
        spec: What is trained.
        report: Takes all warnings so far, whenever there is a new one.
    """

    def __init__(self, spec: TrainingJobSpec, report: Callable[[Sequence[Warned]], None]) -> None:
        self._spec = spec
        self._warnings = Warnings(report)
        self._chance: Chance | None = None

    def network(self, model: keras.Model, nodes: Sequence[Node]) -> None:
        """Looks at the network.

        Args:
            model: The model, built.
            nodes: Its layers, in order.
        """
        self._warnings.take(lambda: check_last_layer(model, nodes, self._spec.training.loss))

    def data(self, data: DataSets, output_shape: Sequence[int | None]) -> None:
        """Looks at the data.

        Args:
            data: The data sets, which fit network and loss.
            output_shape: Shape of the network's output for one sample; None for an axis of any size.
        """
        shape, metrics = data.train.labels.shape[1:], self._spec.training.metrics
        self._warnings.take(lambda: check_metrics(metrics, shape, output_shape))
        self._warnings.take(lambda: self._classes(data, output_shape))

    def epochs(self, epochs: Sequence[Epoch]) -> None:
        """Looks at the epochs so far, from the first one on."""
        if self._chance is not None:
            self._warnings.take(partial(self._chance.check, epochs))

    def dump(self) -> list[dict[str, Any]]:
        """Returns all warnings for the summary."""
        return self._warnings.dump()

    def _classes(self, data: DataSets, output_shape: Sequence[int | None]) -> Iterator[Warned]:
        spec, training = self._spec.data, self._spec.training
        parts = classes.parts(data, output_shape, training.loss.name, training.loss.arguments.get("ignore_class"))
        steps = data.train.order(batch_size=training.batch_size, seed=training.seed).steps
        if training.continue_from is None:  # Else the first epochs are another training's, which was told of them.
            self._chance = Chance.of(parts[0].counts, training.loss.name, epochs=training.epochs, steps=steps)
        split = spec.validation.split if spec.validation else None
        mixed = getattr(spec, "shuffle", False) or getattr(spec.validation, "stratify", False)
        yield from classes.check_classes(parts, split=split, mixed=mixed)
