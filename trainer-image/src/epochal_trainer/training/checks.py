"""Checks that warn of mistakes that do not fail a training."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import keras
from epochal_api.trainingjob.report import TrainingWarning
from epochal_api.trainingjob.spec import TrainingJobSpec

from epochal_trainer.checkpoint import Facts
from epochal_trainer.data.class_names import check_class_names
from epochal_trainer.data.classes import check_classes, parts
from epochal_trainer.data.images import check_images
from epochal_trainer.data.labels import check_rows
from epochal_trainer.data.samples import DataSets
from epochal_trainer.lib.failures import warned
from epochal_trainer.model.graph import Node
from epochal_trainer.model.last_layer import check_last_layer
from epochal_trainer.model.metrics import check_logits, check_metrics
from epochal_trainer.model.monitor import check_mode
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.reporting.warnings import Warnings
from epochal_trainer.training.chance import check_chance


class Checks:
    """Runs the checks of each part of a training as soon as the part is available.

    Args:
        spec: The spec of the TrainingJob.
        report: Called with all warnings so far, whenever there is a new warning.
    """

    def __init__(self, spec: TrainingJobSpec, report: Callable[[Sequence[TrainingWarning]], None]) -> None:
        self._spec = spec
        self._warnings = Warnings(report)
        self._chance: Callable[[Sequence[Epoch]], Iterator[TrainingWarning]] | None = None

    def network(self, model: keras.Model, nodes: Sequence[Node]) -> None:
        """Check the last layer, the loss and the metrics of the network.

        Args:
            model: The model, built.
            nodes: Its layers, in order.
        """
        training = self._spec.training
        self._warnings.take(lambda: check_last_layer(model, nodes, training.loss))
        self._warnings.take(lambda: check_logits(model, training.loss, training.metrics))

    def data(self, data: DataSets, output_shape: Sequence[int | None]) -> None:
        """Check the data sets against the metrics, the loss and the output of the network.

        Args:
            data: The data sets, which fit network and loss.
            output_shape: Shape of the network's output for one sample; None for an axis of any size.
        """
        labels, metrics, loss = data.train.labels, self._spec.training.metrics, self._spec.training.loss.name
        self._warnings.take(lambda: check_metrics(metrics, labels, output_shape))
        self._warnings.take(lambda: check_rows(data.train, loss))
        self._warnings.take(lambda: self._classes(data, output_shape))
        self._warnings.take(lambda: check_class_names(data, output_shape, loss))
        self._warnings.take(lambda: check_images(data.train.features))

    def monitor(self, model: keras.Model) -> None:
        """Check the mode (Min or Max) of the monitored metric.

        Args:
            model: The model, its metrics built.
        """
        self._warnings.take(lambda: check_mode(self._spec.training, model))

    def resumed(self, facts: Facts) -> None:
        """Check for validation samples that were trained on before, and for data that changed.

        Args:
            facts: The description of the training that its checkpoints will store.
        """
        self._warnings.take(lambda: _check_resumed(facts))

    def best_weights(self, lost: int | None) -> None:
        """Check for lost weights.

        Args:
            lost: The number of the best epoch, if its weights are lost; else None.
        """
        self._warnings.take(lambda: _check_best_weights(lost))

    def epochs(self, epochs: Sequence[Epoch]) -> None:
        """Check whether the training learns anything, from all epochs so far."""
        if self._chance is not None:
            self._warnings.take(partial(self._chance, epochs))

    def dump(self) -> list[dict[str, Any]]:
        """Return all warnings as dicts for the summary."""
        return self._warnings.dump()

    def _classes(self, data: DataSets, output_shape: Sequence[int | None]) -> Iterator[TrainingWarning]:
        spec, training = self._spec.data, self._spec.training
        found = parts(data, output_shape, training.loss.name, training.loss.arguments.get("ignore_class"))
        steps = data.train.order(batch_size=training.batch_size, seed=training.seed).steps
        # The training that this training continues has already warned of its own first epochs. With sample weights, the
        # loss of guessing is unknown.
        if training.continue_from is None and data.train.weights is None:
            counts, loss = found[0].counts, training.loss.name
            self._chance = partial(check_chance, counts, loss, epochs=training.epochs, steps=steps)
        split = spec.validation.split if spec.validation else None
        mixed = spec.shuffle or (spec.validation is not None and spec.validation.stratify)
        yield from check_classes(found, split=split, mixed=mixed)


def _check_resumed(facts: Facts) -> Iterator[TrainingWarning]:
    if facts.seen:
        yield warned(
            "ValidationSeen",
            "the part of the training set to validate on is another one than where the checkpoint to go on from was "
            "written, and may hold samples that were trained on there, which its figures then are too good for: keep "
            "training.seed, validation.split, stratify and data.shuffle as they were",
        )
    if facts.data_changed is not None:
        yield warned(
            "DataChanged",
            f"the objects of spec.data changed while the training ran, after {facts.data_changed} finished epochs: the "
            "epochs until then were trained and measured with other data, so their figures do not compare with those "
            "of later epochs. An epoch that had begun begins anew. For a result that can be trained again, write new "
            "data to new keys and create a TrainingJob that names these",
        )


def _check_best_weights(lost: int | None) -> Iterator[TrainingWarning]:
    if lost is not None:
        yield warned(
            "BestLost",
            f"the weights of epoch {lost}, the best so far, are damaged or gone from the bucket, where nobody but the "
            "trainer must change what is below checkpoints/: the training goes on from its checkpoint, and what is "
            "called the best from there on is the best of the epochs whose weights are there",
        )
