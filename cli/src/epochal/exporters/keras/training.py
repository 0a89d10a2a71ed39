"""The training of a TrainingJob as code: compile, callbacks, fit, evaluate and save."""

from collections.abc import Iterator

from epochal_api.catalogue.classes import LOSSES, METRICS, OPTIMIZERS
from epochal_api.trainingjob.network import Named
from epochal_api.trainingjob.spec import TrainingJobSpec
from epochal_api.trainingjob.training import OutputTraining, Training

from epochal.exporters.keras import objects
from epochal.exporters.keras.data import can_have_weights
from epochal.exporters.keras.section import Section
from epochal.exporters.python_code import Expression, Group, assign, call, items, literal, statement
from epochal.exporters.support import unsupported

_FIELD = "spec.training"
_FLOAT16 = "mixed_float16"
_LOSS_SCALE_OPTIMIZER = "LossScaleOptimizer"
_SKIPPED = frozenset({"History", "ProgbarLogger"})
"""Callbacks that Keras itself adds to each training, so the script leaves them out."""


def compile_section(spec: TrainingJobSpec) -> Section:
    """Return the section with the code that compiles the model."""
    section, training = Section("Optimizer, loss and metrics"), spec.training
    for place, module, named in _named(training):
        if objects.is_known(module, named):
            continue
        if spec.code is None:
            raise unsupported(f"{place} ({named.name})", f"{module} has no {named.name}", "keras")
        section.use("registered")
    arguments: dict[str, Expression] = {"optimizer": _optimizer(training)}
    if spec.network is None and training.outputs is not None and len(training.outputs) > 1:
        _add_outputs_by_name(training, section)
        arguments |= {key: f"[{key}[name] for name in model.output_names]" for key in ("loss", "metrics")}
        arguments["loss_weights"] = "[loss_weights[name] for name in model.output_names]"
    else:
        outputs = training.output_list(spec.network.output_names if spec.network else _names(training))
        losses = [objects.loss(output.loss, f"{output.field}.loss") for output in outputs]
        metrics = [objects.metrics(output.metrics, f"{output.field}.metrics") for output in outputs]
        is_single = len(outputs) == 1
        arguments["loss"] = losses[0] if is_single else items(losses)
        weights = [output.weight for output in outputs]
        if set(weights) != {1.0}:
            arguments["loss_weights"] = literal(weights)
        if not is_single or metrics[0].items:
            arguments["metrics"] = metrics[0] if is_single else items(metrics)
    if training.jit_compile is not None:
        arguments["jit_compile"] = literal(training.jit_compile)
    if training.precision == _FLOAT16:
        arguments["auto_scale_loss"] = "False"
    section.lines.append(statement(call("model.compile", arguments)))
    return section


def _named(training: Training) -> Iterator[tuple[str, str, Named]]:
    """Yield the optimizer, and each loss and metric: its field in the spec, its Keras module, and its spec."""
    yield f"{_FIELD}.optimizer", OPTIMIZERS, training.optimizer
    for output in training.output_list(_names(training)):
        yield f"{output.field}.loss", LOSSES, output.loss
        for index, metric in enumerate(output.metrics):
            yield f"{output.field}.metrics[{index}]", METRICS, metric


def _names(training: Training) -> list[str]:
    """Return the names in spec.training.outputs in order; a single "" if the spec has one loss for all outputs."""
    return [output.name for output in training.outputs or []] or [""]


def _add_outputs_by_name(training: Training, section: Section) -> None:
    """Add dictionaries of losses, metrics and weights by output name: the order of the model's outputs is unknown."""
    outputs: list[OutputTraining] = training.output_list(_names(training))

    def by_name(values: list[Expression]) -> Group:
        pairs = zip(outputs, values, strict=True)
        return Group("{", [(f"{literal(output.name)}: ", value) for output, value in pairs], "}")

    losses = by_name([objects.loss(output.loss, f"{output.field}.loss") for output in outputs])
    metrics = by_name([objects.metrics(output.metrics, f"{output.field}.metrics") for output in outputs])
    weights = by_name([literal(output.weight) for output in outputs])
    section.lines += [assign("loss", losses), assign("metrics", metrics), assign("loss_weights", weights)]


def _optimizer(training: Training) -> Expression:
    spec = training.optimizer
    optimizer = objects.optimizer(spec, f"{_FIELD}.optimizer")
    is_scaling = (
        spec.name.lower() == _LOSS_SCALE_OPTIMIZER.lower() or spec.arguments.get("loss_scale_factor") is not None
    )
    if training.precision == _FLOAT16 and not is_scaling:
        return call(f"keras.optimizers.{_LOSS_SCALE_OPTIMIZER}", None, optimizer)
    return optimizer


def training_section(spec: TrainingJobSpec, *, simple: bool) -> Section:
    """Return the section with the code that trains the model, evaluates it on the test set, and saves it."""
    section, training = Section("The training"), spec.training
    section.constants += [f"EPOCHS = {training.epochs}"]
    arguments: dict[str, Expression] = {"epochs": "EPOCHS"}
    positional: list[Expression]
    if simple:
        has_weights = can_have_weights(spec) or training.class_weight is not None
        section.lines.append("x, y, *weights = train" if has_weights else "x, y = train")
        positional = ["x", "y"]
        arguments = {"batch_size": "BATCH_SIZE", **arguments}
        if has_weights:
            arguments["sample_weight"] = "weights[0] if weights else None"
        section.lines.append(
            "# Keras shuffles in its own order, so the weights differ from those of Epochal's trainer."
        )
    else:
        section.use("shuffled_batches", "count")
        section.lines.append("steps = -(-count(train) // BATCH_SIZE)  # of a pass through the data")
        passes = "EPOCHS"
        if training.steps_per_epoch is not None:
            section.constants.append(f"STEPS_PER_EPOCH = {training.steps_per_epoch}")
            section.lines.append("passes = -(-EPOCHS * STEPS_PER_EPOCH // steps)")
            passes = "passes"
        positional = [f"shuffled_batches(train, {passes})"]
        arguments["shuffle"] = "False"
        arguments["steps_per_epoch"] = "steps" if training.steps_per_epoch is None else "STEPS_PER_EPOCH"
    if spec.data.validation is not None:
        _add_validation(training, arguments, section, simple=simple)
    arguments["callbacks"] = _callbacks(training, section)
    arguments["verbose"] = "2"
    section.lines.append(assign("history", call("model.fit", arguments, *positional)))
    if spec.data.test is not None:
        section.use("ordered_batches")
        section.lines.append('print("Test:", model.evaluate(ordered_batches(test), verbose=0, return_dict=True))')
    section.lines.append('model.save(RESULTS / "model.keras")')
    return section


def _add_validation(training: Training, arguments: dict[str, Expression], section: Section, *, simple: bool) -> None:
    if simple:
        arguments |= {"validation_data": "validation", "validation_batch_size": "BATCH_SIZE"}
    else:
        section.use("ordered_batches")
        arguments["validation_data"] = "ordered_batches(validation)"
    if training.validation_every_epochs > 1:
        arguments["validation_freq"] = literal(training.validation_every_epochs)


def _callbacks(training: Training, section: Section) -> Expression:
    """Return the code of the list of callbacks, in the order of Epochal's trainer. Add needed helpers to `section`."""
    found: list[Expression] = []
    ends_early = training.stop_after_epoch is not None and training.stop_after_epoch < training.epochs
    if training.terminate_on_nan:
        section.use("check_loss")
        found.append("keras.callbacks.LambdaCallback(on_epoch_end=check_loss)")
    swaps: list[Expression] = []
    for index, spec in enumerate(training.callbacks):
        if spec.callback in _SKIPPED:
            continue
        if "/" in (path := objects.path_of(spec) or ""):
            folder = literal(path.rpartition("/")[0])
            section.lines.append(f"(RESULTS / {folder}).mkdir(parents=True, exist_ok=True)")
        made: Expression = objects.callback(spec, f"{_FIELD}.callbacks[{index}]")
        if spec.callback == "SwapEMAWeights":
            name = f"swap_{index}"
            section.lines.append(assign(name, made))
            section.use("KeepAverages")
            swaps.append(f"KeepAverages({name})")
            made = name
        found.append(made)
    found += swaps
    if ends_early:
        section.constants.append(f"STOP_AFTER_EPOCH = {training.stop_after_epoch}")
        section.use("stop_early")
        found.append("keras.callbacks.LambdaCallback(on_epoch_end=stop_early)")
    return items(found)
