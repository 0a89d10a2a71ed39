"""Writes the text of train.py, the PyTorch training script of the target torch."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from epochal_api.trainingjob.network import Network
from epochal_api.trainingjob.spec import TrainingJobSpec

from epochal.errors import EpochalError
from epochal.exporters.code_text import literal, statement
from epochal.exporters.support import no_counterpart
from epochal.exporters.torch.module import Module
from epochal.exporters.torch.training.callbacks import CallbackCode, callbacks_code
from epochal.exporters.torch.training.data import constants, data_snippets, read_data
from epochal.exporters.torch.training.losses import LossCode, loss_code
from epochal.exporters.torch.training.metrics import metric_function, metric_source
from epochal.exporters.torch.training.optimizers import OptimizerCode, optimizer_code
from epochal.exporters.torch.training.snippets import MODULES, source
from epochal.exporters.torch.training.start import check_start, weights_argument

_EVALUATE = '''
def run(network, inputs):
    """Return the outputs of the network as a list."""
    outputs = network(*inputs)
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


def mean(logs):
    """Return the means of the logs of batches, each with its number of samples."""
    samples = sum(count for count, _ in logs)
    totals = {name: sum(n * log[name] for n, log in logs) for name in logs[0][1]}
    return {name: (total / samples).item() for name, total in totals.items()}


def show(label, logs):
    """Print a loss and metrics."""
    print(label, {name: round(value, 4) for name, value in logs.items()})


@torch.no_grad()
def evaluate(network, data):
    """Return the loss and the metrics of a data set."""
    network.eval()
    logs = []
    for inputs, targets, weights in batches(data, torch.arange(len(data[0][0]))):
        outputs = run(network, inputs)
        value = loss(network, outputs, targets, weights)
        logs.append((len(inputs[0]), measure(value, outputs, targets)))
    return mean(logs)
'''
_MAIN = """
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with the objects of the data")
    parser.add_argument("--weights", {weights})
    parser.add_argument("--output", default="model.pt", help="file for the weights")
    arguments = parser.parse_args()
    trained = train(arguments.data, arguments.weights)
    torch.save(trained.state_dict(), arguments.output)
"""


@dataclass(frozen=True)
class _Output:
    """An output of the network, with its loss and its metrics.

    Args:
        name: Its name.
        loss: Its loss.
        weight: The weight of its loss in the total loss.
        metrics: The names of its metrics in the logs, each with its function.
    """

    name: str
    loss: LossCode
    weight: float
    metrics: Sequence[tuple[str, str]]


def train_file(title: str, spec: TrainingJobSpec, network: Network, module: Module) -> str:
    """Return the text of train.py.

    Raises:
        EpochalError: If a setting of the training has no counterpart in torch.
    """
    return _Script(title, spec, network, module).text()


class _Script:
    def __init__(self, title: str, spec: TrainingJobSpec, network: Network, module: Module) -> None:
        self._title, self._spec, self._network, self._module = title, spec, network, module
        self._training, self._data = spec.training, spec.data
        self._has_penalty = any(layer.code.penalties and layer.trainable for layer in module.layers)
        check_start(network, self._training)
        if self._training.precision != "float32":
            raise no_counterpart("torch", "spec.training.precision", self._training.precision)
        self._omitted: list[str] = []
        self._outputs = self._read_outputs()
        self._metrics = [name for output in self._outputs for name, _ in output.metrics]
        self._optimizer: OptimizerCode = optimizer_code(
            self._training.optimizer.name, self._training.optimizer.arguments
        )
        self._callbacks = self._read_callbacks()
        if self._optimizer.schedule and "ReduceLROnPlateau" in self._callbacks.names:
            raise EpochalError(
                "spec.training.callbacks: ReduceLROnPlateau cannot change the learning rate of a schedule",
                "Remove it, or write the learning rate as a number.",
            )

    def _read_outputs(self) -> list[_Output]:
        names, result = self._network.output_names, list[_Output]()
        for training, shape in zip(self._training.output_list(names), self._module.output_shapes, strict=True):
            loss = loss_code(f"{training.field}.loss", training.loss.name, training.loss.arguments)
            metrics: list[tuple[str, str]] = []
            for metric in training.metrics:
                found = metric_function(metric.name, metric.arguments, loss, shape[-1] if shape else None)
                if found is None:
                    self._omitted.append(metric.name)
                else:
                    prefix = f"{training.name}_" if len(names) > 1 else ""
                    metrics.append((f"{prefix}{found[0]}", found[1]))
            result.append(_Output(training.name, loss, training.weight, metrics))
        return result

    def _read_callbacks(self) -> CallbackCode:
        metrics = ["loss", *self._metrics]
        if self._data.validation is not None:
            metrics += [f"val_{name}" for name in metrics]
        found = callbacks_code(self._training.callbacks, metrics)
        self._omitted += found.omitted
        return found

    def text(self) -> str:
        """Return the text of train.py, with imports of only the modules that it uses."""
        losses = dict.fromkeys(text for output in self._outputs for text in output.loss.source)
        functions = dict.fromkeys(metric_source(function) for output in self._outputs for _, function in output.metrics)
        parts = [
            "\n".join(self._constants()),
            *source(data_snippets(self._data, self._training) | self._callbacks.names),
            "\n".join(read_data(self._data, self._training)),
            *losses,
            "\n".join(self._loss()),
            *functions,
            "\n".join(self._measure()),
            *([self._optimizer.schedule] if self._optimizer.schedule else []),
            _EVALUATE.strip("\n"),
            "\n".join(self._train()),
            _MAIN.strip("\n").format(weights=weights_argument(self._network)),
        ]
        text = "\n\n\n".join(parts)
        return f"{self._head(text)}\n\n{text}\n"

    def _head(self, text: str) -> str:
        lines = [f'"""{self._title}', ""]
        lines.append("The folder of the data holds the objects of the data bucket: python train.py FOLDER")
        if self._network.weights is not None:
            lines += ["", "The TrainingJob starts with the weights of another model: convert the file of"]
            lines.append("spec.network.weights with convert.py, and give the result with --weights.")
        lines += ['"""', ""]
        lines += [f"import {name}" for name in MODULES if re.search(rf"\b{name}\.", text)]
        lines += ["from pathlib import Path", "", "import numpy as np", "import torch"]
        lines += ["import torch.nn.functional as F"] if "F." in text else []
        lines += ["from torch import nn"] if re.search(r"\bnn\.", text) else []
        if "np." not in text:
            lines.remove("import numpy as np")
        return "\n".join([*lines, "", "from model import Network, load_weights"])

    def _constants(self) -> Iterator[str]:
        yield from constants(self._data, self._training, self._network)
        if self._omitted:
            names = ", ".join(sorted(set(self._omitted)))
            yield f"# Not in this script, since it does not change the training: {names}."

    def _loss(self) -> Iterator[str]:
        yield "def loss(network, outputs, targets, weights=None):"
        yield '    """Return the mean loss of a batch."""'
        terms: list[str] = []
        for index, output in enumerate(self._outputs):
            call = f"{output.loss.function}(outputs[{index}], targets[{index}]{output.loss.arguments})"
            name = f"values_{index}" if len(self._outputs) > 1 else "values"
            yield f"    {name} = {call}"
            yield "    if weights is not None:"
            yield f"        {name} = {name} * weights.reshape(-1, *[1] * ({name}.ndim - 1))"
            terms.append(f"{name}.mean()" if output.weight == 1 else f"{output.weight!r} * {name}.mean()")
        terms += ["network.penalty()"] if self._has_penalty else []
        yield f"    return {' + '.join(terms)}"

    def _measure(self) -> Iterator[str]:
        yield "def measure(value, outputs, targets):"
        yield '    """Return the loss and the metrics of a batch."""'
        yield "    return {"
        yield '        "loss": value.detach(),'
        for index, output in enumerate(self._outputs):
            for name, function in output.metrics:
                *lines, last = statement(f"{literal(name)}: {function}(outputs[{index}], targets[{index}])", 8)
                yield from [*lines, f"{last},"]
        yield "    }"

    def _train(self) -> Iterator[str]:
        training, optimizer = self._training, self._optimizer
        has_steps = training.steps_per_epoch is not None
        yield "def train(folder, weights=None):"
        yield '    """Return the trained network."""'
        yield "    torch.manual_seed(SEED)"
        yield "    samples, validation, test = read_data(folder)"
        yield "    network = Network().to(DEVICE)"
        yield from self._adapt()
        yield "    if weights is not None:"
        yield "        load_weights(network, weights)"
        yield from statement(f"optimizer = {optimizer.constructor}", 4)
        for line in self._callbacks.before:
            yield from statement(line, 4)
        yield "    step = 0" if optimizer.schedule else "    count = len(samples[0][0])"
        if optimizer.schedule:
            yield "    count = len(samples[0][0])"
        if has_steps:
            yield "    endless = itertools.chain.from_iterable("
            yield "        batches(samples, torch.randperm(count)) for _ in itertools.count()"
            yield "    )"
        yield "    for epoch in range(EPOCHS):"
        yield "        network.train()"
        yield "        parts = []"
        source = (
            "itertools.islice(endless, STEPS_PER_EPOCH)" if has_steps else "batches(samples, torch.randperm(count))"
        )
        yield f"        steps = {source}"
        yield "        for inputs, targets, sample_weights in steps:"
        if optimizer.schedule:
            yield "            for group in optimizer.param_groups:"
            yield '                group["lr"] = learning_rate(step)'
            yield "            step += 1"
        yield "            outputs = run(network, inputs)"
        yield "            value = loss(network, outputs, targets, sample_weights)"
        yield "            optimizer.zero_grad()"
        yield "            value.backward()"
        yield from (f"            {line}" for line in optimizer.clip)
        yield "            optimizer.step()"
        yield "            parts.append((len(inputs[0]), measure(value, outputs, targets)))"
        yield "        logs = mean(parts)"
        yield from self._end_of_epoch()
        yield from (f"    {line}" for line in self._callbacks.end)
        if self._data.test is not None:
            yield '    show("test", evaluate(network, test))'
        yield "    return network"

    def _adapt(self) -> Iterator[str]:
        for layer in self._module.layers:
            if not layer.code.adapts:
                continue
            if layer.source >= 0:
                raise EpochalError(
                    f"spec.network layer {layer.keras_name!r}: {layer.kind} learns from the output of another layer, "
                    "which the script for torch cannot do",
                    "Put the layer directly after an input, or set its mean and variance.",
                )
            index = layer.source + len(self._module.inputs)
            code = f"samples[0][{index}].to(DEVICE, DTYPES[{index}])"
            code += "" if self._network.input_list[index].dtype == "float32" else ".float()"
            yield from statement(f"network.{layer.attribute}.adapt({code})", 4)

    def _end_of_epoch(self) -> Iterator[str]:
        if self._data.validation is not None:
            every, pad = self._training.validation_every_epochs, "        "
            if every > 1:
                yield f"        if (epoch + 1) % {every} == 0:"
                pad += "    "
            yield f"{pad}validated = evaluate(network, validation)"
            yield pad + 'logs |= {f"val_{name}": value for name, value in validated.items()}'
        yield '        show(f"epoch {epoch + 1}", logs)'
        if self._training.terminate_on_nan:
            yield '        if not math.isfinite(logs["loss"]):'
            yield '            raise FloatingPointError(f"epoch {epoch + 1}: the loss is {logs["loss"]}")'.replace(
                'logs["loss"]}")', "logs['loss']}\")"
            )
        yield from (f"        {line}" for line in self._callbacks.after)
