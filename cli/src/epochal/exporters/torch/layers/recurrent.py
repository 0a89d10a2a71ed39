"""Recurrent layers, and wrappers that call a layer at each step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from epochal_api.catalogue.classes import LAYERS as KERAS_LAYERS
from epochal_api.catalogue.classes import catalogue

from epochal.exporters.layer_calls import Call
from epochal.exporters.tensors import Tensor
from epochal.exporters.torch.initial import add_initializers

_OUTPUT_AXES = 2


class _Options(NamedTuple):
    """Arguments of a recurrent layer.

    Args:
        kind: Its class in keras.layers.
        units: Number of its units.
        sequences: Whether it returns the output of each step; else only of the last step.
        state: Whether it also returns its final state.
        backwards: Whether it reads the last step first.
        bias: Whether it has a bias.
        dropout: Share of input features that it drops in training, the same features at each step.
    """

    kind: str
    units: int
    sequences: bool
    state: bool
    backwards: bool
    bias: bool
    dropout: float

    @property
    def states(self) -> int:
        """Number of tensors in the state of the layer: 2 for LSTM, else 1."""
        return 2 if self.kind == "LSTM" else 1


def _read(call: Call) -> _Options:
    call.off("stateful")
    call.off("zero_output_for_mask")
    if call["recurrent_dropout"]:
        call.no_counterpart(f"recurrent_dropout: {call['recurrent_dropout']!r:.40}")
    call.choice("activation", *(("tanh", "relu") if call.kind == "SimpleRNN" else ("tanh",)))
    if call.kind != "SimpleRNN":
        call.choice("recurrent_activation", "sigmoid")
    if call.kind == "GRU" and not call.flag("reset_after"):
        call.no_counterpart("reset_after: False")
    return _Options(
        call.kind,
        call.integer("units"),
        sequences=call.flag("return_sequences"),
        state=call.flag("return_state"),
        backwards=call.flag("go_backwards"),
        bias=call.flag("use_bias"),
        dropout=float(call.number("dropout")),
    )


def _constructor(call: Call, options: _Options, features: int, *, both: bool = False) -> str:
    arguments = [str(features), str(options.units)]
    if options.kind == "SimpleRNN" and call["activation"] == "relu":
        arguments.append('nonlinearity="relu"')
    arguments += ["batch_first=True"] + (["bias=False"] if not options.bias else [])
    arguments += ["bidirectional=True"] if both else []
    return f"nn.{'RNN' if options.kind == 'SimpleRNN' else options.kind}({', '.join(arguments)})"


def _values(kind: str, names: Sequence[str], end: str) -> dict[str, str]:
    """Return code that converts the weights of one direction: torch has another order of GRU gates, and two biases."""
    kernel, recurrent, *bias = names
    turn = "swap_gates({}.T)" if kind == "GRU" else "{}.T"
    values = {f"weight_ih_l0{end}": turn.format(kernel), f"weight_hh_l0{end}": turn.format(recurrent)}
    if bias and kind == "GRU":
        values |= {
            f"bias_ih_l0{end}": f"swap_gates({bias[0]}[0])",
            f"bias_hh_l0{end}": f"swap_gates({bias[0]}[1])",
        }
    elif bias:
        values |= {f"bias_ih_l0{end}": bias[0], f"bias_hh_l0{end}": f"np.zeros_like({bias[0]})"}
    return values


def _add_weights(call: Call, options: _Options, ends: Sequence[str] = ("",)) -> None:
    names: list[str] = []
    values: dict[str, str] = {}
    for number, end in enumerate(ends):
        start = "" if number == 0 else "back_"
        own = [f"{start}{name}" for name in ("kernel", "recurrent", *(["bias"] if options.bias else []))]
        names += own
        values |= _values(options.kind, own, end)
        add_initializers(call, {f"weight_ih_l0{end}": "kernel", f"weight_hh_l0{end}": "recurrent"})
        if options.bias:
            add_initializers(call, {f"bias_ih_l0{end}": "bias"})
            call.code.initializers.append(f"nn.init.zeros_({{layer}}.bias_hh_l0{end})")
        if options.bias and options.kind == "LSTM" and call.flag("unit_forget_bias"):
            call.code.initializers.append(
                f"nn.init.ones_({{layer}}.bias_ih_l0{end}.data[{options.units}:{2 * options.units}])"
            )
        if options.bias and options.kind != "GRU":
            call.code.fixed.append(f"bias_hh_l0{end}")
    call.weights(names, values)


def _sequence(call: Call, options: _Options) -> tuple[str, int | None, int]:
    """Return the code of a recurrent layer's input, and its numbers of steps (None if unknown) and of features."""
    x = call.inputs[0].last()
    if len(x.shape) != _OUTPUT_AXES:
        call.fail(f"the input of the layer must have steps and features, found the shape {list(x.shape)}")
    code = f"{x.code}.flip(1)" if options.backwards else x.code
    if options.dropout:
        call.helpers.add("drop_features")
        code = f"drop_features({code}, {options.dropout!r}, self.training)"
    return code, x.shape[0], call.size_of(x)


def _recurrent(call: Call) -> Sequence[Tensor]:
    options = _read(call)
    code, steps, features = _sequence(call, options)
    layer = call.module(_constructor(call, options, features))
    _add_weights(call, options)
    states = call.inputs[1:]
    if states and len(states) != options.states:
        call.fail(f"the layer takes {options.states} states beside its input, found {len(states)}")
    given = [f"{state.code}.unsqueeze(0).contiguous()" for state in states]
    start = f", ({', '.join(given)})" if len(given) > 1 else f", {given[0]}" if given else ""
    run = f"{layer}({code}{start})"
    output = (steps, options.units) if options.sequences else (options.units,)
    if not options.state:
        return [call.result(f"{run}[0]{'' if options.sequences else '[:, -1]'}", output)]
    helper = "with_states" if options.states > 1 else "with_state"
    call.helpers.add(helper)
    last = "" if options.sequences else ", last=True"
    return [
        call.result(f"{helper}({run}{last})", output),
        *(call.result("", (options.units,)) for _ in range(options.states)),
    ]


_MERGES = {
    "concat": "{x}",
    "sum": "torch.sum(torch.stack({x}.chunk(2, dim=-1)), dim=0)",
    "ave": "torch.mean(torch.stack({x}.chunk(2, dim=-1)), dim=0)",
    "mul": "torch.prod(torch.stack({x}.chunk(2, dim=-1)), dim=0)",
}


def _bidirectional(call: Call) -> Sequence[Tensor]:
    call.off("backward_layer")
    wrapped, merge = call["wrapped"], call.choice("merge_mode", *_MERGES)
    kind = _kind(call, wrapped)
    if kind not in {"GRU", "LSTM", "SimpleRNN"}:
        call.no_counterpart(f"wrapped: {kind}")
    inner = call.of_layer(wrapped, call.inputs)
    options = _read(inner)
    if options.state or len(call.inputs) != 1:
        call.no_counterpart("an initial or returned state")
    if options.backwards:
        call.no_counterpart("go_backwards: True within it")
    code, steps, features = _sequence(inner, options)
    layer = call.module(_constructor(inner, options, features, both=True))
    _add_weights(inner, options, ("", "_reverse"))
    inner.finish()
    inner.code.constructor, call.code = call.code.constructor, inner.code
    width = options.units * (2 if merge == "concat" else 1)
    run = f"{layer}({code})[0]"
    if not options.sequences:
        call.helpers.add("both_ends")
        run = f"both_ends({run})"
    output = (steps, width) if options.sequences else (width,)
    return [call.result(_MERGES[merge].format(x=run), output)]


def _kind(call: Call, wrapped: Any) -> str:
    if not isinstance(wrapped, Mapping) or not isinstance(wrapped.get("layer"), str):
        call.fail(f"wrapped must be a layer, {{layer: CLASS, …}}, found {wrapped!r:.40}")
    found = catalogue().modules[KERAS_LAYERS].classes.get(wrapped["layer"])
    return (found.alias if found else None) or str(wrapped["layer"])


def _time_distributed(call: Call) -> Tensor:
    x, wrapped = call.input.last(), call["wrapped"]
    _kind(call, wrapped)
    if len(x.shape) < _OUTPUT_AXES:
        call.fail(f"the input of the layer must have steps and features, found the shape {list(x.shape)}")
    steps = x.shape[0]
    (result,), code = call.wrapped(wrapped, [Tensor(f"{x.code}.flatten(0, 1)", x.shape[1:], integer=x.integer)])
    call.code = code
    back = result.last()
    batch = x.code.removesuffix(".movedim(1, -1)")
    call.helpers.add("split_steps")
    output = call.result(f"split_steps({back.code}, len({batch}))", (steps, *back.shape))
    return replace(output, integer=back.integer)


LAYERS: Mapping[str, Callable[[Call], Tensor | Sequence[Tensor]]] = {
    "Bidirectional": _bidirectional,
    "GRU": _recurrent,
    "LSTM": _recurrent,
    "SimpleRNN": _recurrent,
    "TimeDistributed": _time_distributed,
}
