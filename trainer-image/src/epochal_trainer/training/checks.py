"""Runs checks that warn of probable mistakes, which do not fail a training."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import keras
from epochal_api.data_summary import DataSummary
from epochal_api.trainingjob.report import TrainingWarning
from epochal_api.trainingjob.spec import TrainingJobSpec
from epochal_api.trainingjob.training import OutputTraining

from epochal_trainer.checkpoint import ResumeFacts
from epochal_trainer.data.arrays import TEXT_KINDS, OutputShape
from epochal_trainer.data.class_names import check_class_names
from epochal_trainer.data.classes import PartCounts, check_balance, check_classes, count_parts
from epochal_trainer.data.columns import check_columns
from epochal_trainer.data.equal_samples import check_leakage
from epochal_trainer.data.images import check_images
from epochal_trainer.data.labels import check_one_hot
from epochal_trainer.data.summary import summarize
from epochal_trainer.data.training_data import TrainingData
from epochal_trainer.lib.failures import training_warning
from epochal_trainer.model.compile import output_names
from epochal_trainer.model.graph import Node, build_nodes
from epochal_trainer.model.last_layer import check_last_layer
from epochal_trainer.model.metrics import check_logits_metrics, check_metrics
from epochal_trainer.model.monitor import check_monitor_mode
from epochal_trainer.model.scaling import scales_input, takes_indices
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.reporting.warnings import Warnings
from epochal_trainer.training.chance import check_better_than_chance


class WarningChecks:
    """Runs the checks that may yield a training warning: of network, data, checkpoint and epochs.

    The trainer calls each method as soon as its arguments are known.

    Args:
        spec: The spec of the TrainingJob.
        report: Called with all warnings so far, whenever there is a new warning.
    """

    def __init__(self, spec: TrainingJobSpec, report: Callable[[Sequence[TrainingWarning]], None]) -> None:
        self._spec = spec
        self._warnings = Warnings(report)
        self._counts: dict[str, Sequence[PartCounts]] = {}
        self._checks_of_epochs: list[Callable[[Sequence[Epoch]], Iterator[TrainingWarning]]] = []

    def check_network(self, model: keras.Model, nodes: Sequence[Node]) -> None:
        """Check that the last layer and the metrics of each output suit its loss. Requires a built network."""
        run, outputs = self._warnings.run_check, self._spec.training.output_list(output_names(model))
        for index, (_, field, loss, metrics, _) in enumerate(outputs):
            run(partial(check_last_layer, model, nodes, loss, index=index, field=field))
            run(partial(check_logits_metrics, model, loss, metrics, index=index, field=field))

    def check_data(self, data: TrainingData, output_shapes: Sequence[OutputShape]) -> None:
        """Check labels against losses and metrics, and classes and images for probable mistakes.

        The data sets fit the network and its losses. `output_shapes` are in the order of the network's outputs.
        """
        run, names = self._warnings.run_check, list(data.train.outputs)
        for output, shape in zip(self._spec.training.output_list(names), output_shapes, strict=True):
            of_output, loss = data.view(output_name=output.name), output.loss.name
            labels = of_output.train.labels
            run(partial(check_metrics, output.metrics, labels, shape))
            run(partial(check_one_hot, of_output.train, loss))
            run(partial(self._check_classes, of_output, shape, output))
            run(partial(check_class_names, of_output, shape, loss))
        for array in data.train.inputs.values():
            if array.values.dtype.kind not in TEXT_KINDS:
                run(partial(check_images, array.values))

    def summarize_data(self, data: TrainingData) -> DataSummary:
        """Summarize the data sets, run the checks that need the summary, and return it. Call `check_data` before."""
        outputs = self._spec.training.output_list(list(data.train.outputs))
        ignoring = {output.name for output in outputs if output.loss.arguments.get("ignore_class") is not None}
        summary, columns = summarize(data, self._counts, ignoring=ignoring)
        # Without a description of the layers, it is unknown whether they scale the features.
        nodes = build_nodes(self._spec.network) if self._spec.network is not None else None
        self._warnings.run_check(lambda: check_leakage(summary))
        for index, name in enumerate(data.train.inputs):
            if (of_input := columns.get(name)) is None:
                continue
            samples, source = data.train.view(input_name=name), index - len(data.train.inputs)
            scaled = nodes is None or scales_input(nodes, source)
            indices = nodes is not None and takes_indices(nodes, source)
            check = partial(check_columns, samples, of_input, is_scaled=scaled, takes_indices=indices)
            self._warnings.run_check(check)
        return summary

    def check_monitor(self, model: keras.Model) -> None:
        """Warn if spec.training.monitor.mode is opposite to Keras' direction of the metric. Requires built metrics."""
        self._warnings.run_check(lambda: check_monitor_mode(self._spec.training, model))

    def check_resume(self, facts: ResumeFacts) -> None:
        """Check, for a resumed training, whether validation samples were trained on, and whether the data changed."""
        self._warnings.run_check(lambda: _check_resume(facts))

    def check_best_weights(self, lost_best_epoch: int | None) -> None:
        """Warn if the weights of the best epoch so far are lost: `lost_best_epoch` is its number, or None."""
        self._warnings.run_check(lambda: _check_best_weights(lost_best_epoch))

    def check_epochs(self, epochs: Sequence[Epoch]) -> None:
        """Check whether the network learns anything, from all finished epochs so far."""
        for check in self._checks_of_epochs:
            self._warnings.run_check(partial(check, epochs))

    def dump(self) -> list[dict[str, Any]]:
        """Return all warnings as dicts for summary.json."""
        return self._warnings.dump()

    def _check_classes(
        self, data: TrainingData, output_shape: OutputShape, output: OutputTraining
    ) -> Iterator[TrainingWarning]:
        """Yield warnings about the classes of an output, and add its check of epochs. `data` has only this output."""
        spec, training, loss = self._spec.data, self._spec.training, output.loss
        parts = count_parts(data, output_shape, loss.name, loss.arguments.get("ignore_class"))
        self._counts[output.name] = parts
        # The training that this training continues has already warned of its own first epochs. With sample weights, the
        # loss of guessing is unknown.
        if training.continue_from is None and data.train.weights is None:
            steps = data.train.order(
                batch_size=training.batch_size, seed=training.seed, steps=training.steps_per_epoch
            ).steps
            check = partial(
                check_better_than_chance,
                parts[0].counts,
                loss.name,
                epochs=training.epochs,
                steps=steps,
                metric="loss" if training.outputs is None or len(training.outputs) == 1 else f"{output.name}_loss",
            )
            self._checks_of_epochs.append(check)
        split = spec.validation.split if spec.validation else None
        drawn = spec.shuffle or (spec.validation is not None and spec.validation.stratify)
        yield from check_classes(parts, split=split, drawn=drawn)
        if data.train.weights is None:  # Weights of samples or classes are the remedy.
            yield from check_balance(parts[0], data.class_names)


def _check_resume(facts: ResumeFacts) -> Iterator[TrainingWarning]:
    if facts.validation_was_trained_on:
        yield training_warning(
            "ValidationSeen",
            "the validation part of the training set differs from that of the training that wrote the checkpoint. It "
            "may hold samples that were trained on, so its metrics may be too good: keep training.seed, "
            "validation.split, stratify and data.shuffle unchanged",
        )
    if facts.data_changed is not None:
        yield training_warning(
            "DataChanged",
            f"the objects of spec.data changed during the training, after {facts.data_changed} finished epochs. "
            "Earlier epochs were trained and evaluated with other data, so their metrics are not comparable with those "
            "of later epochs. An epoch that had begun starts again. For a reproducible result, write new data to new "
            "keys and create a TrainingJob with these keys",
        )


def _check_best_weights(lost_best_epoch: int | None) -> Iterator[TrainingWarning]:
    if lost_best_epoch is not None:
        yield training_warning(
            "BestLost",
            f"the weights of epoch {lost_best_epoch}, the best so far, are damaged or missing in the bucket. Only the "
            "trainer may change objects below checkpoints/. The training continues from its checkpoint, and selects "
            "its best epoch among those with stored weights",
        )
