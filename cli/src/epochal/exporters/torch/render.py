"""The texts of two exported files: model.py with the network, and convert.py, which converts its weights from Keras."""

from collections.abc import Iterator, Mapping, Sequence

from epochal.errors import EpochalError
from epochal.exporters.code_text import literal, statement
from epochal.exporters.python_code import WIDTH
from epochal.exporters.support import no_counterpart
from epochal.exporters.torch.initial import weight_code
from epochal.exporters.torch.module import Module, ModuleLayer
from epochal.exporters.torch.snippets import source

MODEL, TRAIN, CONVERT = "model.py", "train.py", "convert.py"

MAX_NAMES = 5
"""Maximum number of variables on the left of an assignment in convert.py without brackets."""

_LOAD = '''
def load_weights(network, path):
    """Fill the network with the weights of a file that convert.py has written."""
    with np.load(path) as arrays:
        network.load_state_dict(
            {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        )
'''

_GATES = '''
def swap_gates(weights):
    """Return weights of a GRU with its gates in torch's order: reset, update, new."""
    update, reset, new = np.split(weights, 3)
    return np.concatenate([reset, update, new])
'''

_MAIN = """
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="the trained model.keras, or best.keras")
    parser.add_argument("weights", help="the file to write, such as weights.npz")
    arguments = parser.parse_args()
    model = keras.saving.load_model(arguments.model, compile=False)
    np.savez(arguments.weights, **convert(model))
"""


def model_file(title: str, module: Module) -> str:
    """Return the text of model.py.

    Args:
        title: First line of the docstring of model.py.
        module: The parts of the torch module.
    """
    body = [*_class(module)]
    helpers = source(module.helpers)
    text = "\n".join([*helpers, *body])
    imports = ["import numpy as np", "import torch"]
    imports += ["import torch.nn.functional as F"] if "F." in text else []
    head = [f'"""{title}"""', "", *imports, "from torch import nn"]
    parts = ["\n".join(head), *helpers, "\n".join(body), _LOAD.strip("\n")]
    return "\n\n\n".join(parts) + "\n"


def _class(module: Module) -> Iterator[str]:
    yield "class Network(nn.Module):"
    yield '    """The network. Images and sequences have their channels last, as in Keras."""'
    yield ""
    yield "    def __init__(self):"
    yield "        super().__init__()"
    for layer in module.layers:
        if layer.code.constructor is not None:
            yield from statement(f"self.{layer.attribute} = {layer.code.constructor}", 8)
    drawn = [layer for layer in module.layers if layer.code.initializers]
    if drawn:
        yield "        self.initialize()"
    for layer in module.layers:
        yield from _frozen_weights(layer)
    yield ""
    yield f"    def forward(self, {', '.join(module.inputs)}):"
    for line in module.forward:
        yield from statement(line, 8)
    yield f"        return {', '.join(module.outputs)}"
    if drawn:
        yield from _initialize(drawn)
    yield from _penalty(module.layers)
    yield from _frozen(module.layers)


def _frozen_weights(layer: ModuleLayer) -> Iterator[str]:
    """Yield lines that exclude weights from training: all of a frozen layer, or only those that Keras does not have."""
    if not layer.trainable and layer.code.constructor is not None:
        yield f"        self.{layer.attribute}.requires_grad_(False)"
        return
    for name in layer.code.fixed:
        yield f"        {weight_code(f'self.{layer.attribute}', name)}.requires_grad_(False)"


def _initialize(layers: Sequence[ModuleLayer]) -> Iterator[str]:
    """Yield the method `initialize`, which draws the first weights. Layers with equal initializers share a loop."""
    groups: dict[tuple[str, ...], list[ModuleLayer]] = {}
    for layer in layers:
        groups.setdefault(tuple(layer.code.initializers), []).append(layer)
    yield ""
    yield "    def initialize(self):"
    yield '        """Draw the first weights as Keras does."""'
    for lines, group in groups.items():
        if len(group) == 1:
            for line in lines:
                yield from statement(line.format(layer=f"self.{group[0].attribute}"), 8)
            continue
        names = [f"self.{layer.attribute}" for layer in group]
        yield from statement(f"for layer in ({', '.join(names)}):", 8)
        for line in lines:
            yield from statement(line.format(layer="layer"), 12)


def _penalty(layers: Sequence[ModuleLayer]) -> Iterator[str]:
    terms = [
        _regularizer(layer, weight_code(f"self.{layer.attribute}", name), key, value)
        for layer in layers
        for name, (key, value) in layer.code.penalties
        if layer.trainable
    ]
    if not terms:
        return
    yield ""
    yield "    def penalty(self):"
    yield '        """Return the penalty on large weights, which training adds to the loss."""'
    line = f"        return {' + '.join(terms)}"
    if len(line) <= WIDTH:
        yield line
        return
    yield "        return ("
    yield f"            {terms[0]}"
    yield from (f"            + {term}" for term in terms[1:])
    yield "        )"


def _regularizer(layer: ModuleLayer, weight: str, key: str, value: object) -> str:
    """Return the code of the penalty of a Keras regularizer (L1, L2, L1L2) on a weight."""
    name = value.get("name") if isinstance(value, Mapping) else value
    arguments = value if isinstance(value, Mapping) else {}
    defaults = {"L1": (0.01, 0.0), "L2": (0.0, 0.01), "L1L2": (0.0, 0.0)}
    kind = {"l1": "L1", "l2": "L2", "l1_l2": "L1L2"}.get(str(name), str(name))
    if kind not in defaults:
        raise no_counterpart("torch", f"spec.network layer {layer.keras_name!r}", layer.kind, f"{key}: {name!r:.40}")
    amounts = [arguments.get(each, default) for each, default in zip(("l1", "l2"), defaults[kind], strict=True)]
    if not all(isinstance(amount, int | float) and not isinstance(amount, bool) for amount in amounts):
        raise EpochalError(f"spec.network layer {layer.keras_name!r}: {key} must have numbers, found {amounts!r:.60}")
    terms = [
        f"{float(amount)!r} * {weight}.{norm}.sum()"
        for amount, norm in zip(amounts, ("abs()", "square()"), strict=True)
        if amount
    ]
    return " + ".join(terms) or "0.0"


def _frozen(layers: Sequence[ModuleLayer]) -> Iterator[str]:
    # In Keras, trainable: false of a wrapper does not reach the averages of the layer in it.
    frozen = [
        layer.attribute for layer in layers if layer.code.kind == "BatchNormalization" and not layer.code.trainable
    ]
    if not frozen:
        return
    yield ""
    yield "    def train(self, mode=True):"
    yield '        """Set the mode. A frozen batch normalization keeps its averages."""'
    yield "        super().train(mode)"
    yield from (f"        self.{attribute}.eval()" for attribute in frozen)
    yield "        return self"


def convert_file(title: str, module: Module) -> str:
    """Return the text of convert.py. The script itself needs Keras, but not torch."""
    layers = [layer for layer in module.layers if layer.code.weights or layer.code.arrays]
    body = ["def convert(model):", '    """Return the weights of the Keras model under their names in torch."""']
    body.append("    state = {}")
    for layer in layers:
        body += ["", *_state_lines(layer)]
    body += ["", "    return state"] if layers else ["    return state"]
    swaps = [_GATES.strip("\n")] if any("swap_gates(" in line for line in body) else []
    head = f'"""{title}"""\n\nimport argparse\n\nimport keras\nimport numpy as np'
    return "\n\n\n".join([head, *swaps, "\n".join(body), _MAIN.strip("\n")]) + "\n"


def _state_lines(layer: ModuleLayer) -> Iterator[str]:
    """Yield the lines of convert.py that convert the weights of one layer to the state of the torch module."""
    if layer.code.arrays:
        yield f"    layer = model.get_layer({literal(layer.keras_name)})"
        for name, code in layer.code.arrays.items():
            yield from statement(f"state[{literal(f'{layer.attribute}.{name}')}] = {code}", 4)
    if layer.code.weights is None:
        return
    names, values = layer.code.weights.names, layer.code.weights.values
    targets = ", ".join(names) if 1 < len(names) <= MAX_NAMES else f"({', '.join(names)},)"
    yield from statement(f"{targets} = model.get_layer({literal(layer.keras_name)}).get_weights()", 4)
    for name, code in values.items():
        yield from statement(f"state[{literal(f'{layer.attribute}.{name}')}] = {code}", 4)
    if layer.code.kind == "BatchNormalization":
        yield f"    state[{literal(f'{layer.attribute}.num_batches_tracked')}] = np.int64(0)"
