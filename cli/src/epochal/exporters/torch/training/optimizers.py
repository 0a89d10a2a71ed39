"""Converts Keras optimizers and learning rate schedules to torch."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from epochal_api.catalogue.classes import OPTIMIZERS, SCHEDULES, catalogue

from epochal.errors import EpochalError
from epochal.exporters.support import no_counterpart

_WHERE = "spec.training.optimizer"


class OptimizerCode(NamedTuple):
    """An optimizer in torch.

    Args:
        constructor: Code of its constructor.
        schedule: Source code of the function learning_rate(step); "" for a fixed learning rate.
        clip: Lines that clip gradients, between value.backward() and optimizer.step().
    """

    constructor: str
    schedule: str
    clip: tuple[str, ...]


class _Arguments:
    """The arguments of an optimizer or schedule: values of the spec, or else the defaults of Keras."""

    def __init__(self, module: str, kind: str, given: Mapping[str, Any]) -> None:
        found = catalogue().modules[module].find(kind)
        if found is None:
            raise EpochalError(f"{_WHERE}: {module} has no {kind:.40}", "Run epochal check with the file.")
        self._defaults = {key: each.default for key, each in found.arguments.items()}
        self._given, self._kind, self._read = given, kind, {"name"}

    def __getitem__(self, key: str) -> Any:
        self._read.add(key)
        return self._given.get(key, self._defaults.get(key))

    def number(self, key: str) -> float:
        value = self[key]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise EpochalError(f"{_WHERE}: {key} must be a number, found {value!r:.40}")
        return float(value)

    def numbers(self, key: str) -> list[float]:
        value = self[key]
        if not isinstance(value, list) or not all(isinstance(each, int | float) for each in value):
            raise EpochalError(f"{_WHERE}: {key} must be a list of numbers, found {value!r:.40}")
        return [float(each) for each in value]

    def finish(self) -> None:
        for key, value in self._given.items():
            if key not in self._read and value != self._defaults.get(key):
                raise no_counterpart("torch", _WHERE, self._kind, f"{key}: {value!r:.40}")


def _betas(given: _Arguments) -> str:
    return f"betas=({given.number('beta_1')!r}, {given.number('beta_2')!r}), eps={given.number('epsilon')!r}"


def _adam(given: _Arguments) -> str:
    decay, amsgrad = given["weight_decay"], ", amsgrad=True" if given["amsgrad"] is True else ""
    if decay is None:
        return f"Adam(PARAMETERS, lr=RATE, {_betas(given)}{amsgrad})"
    return f"AdamW(PARAMETERS, lr=RATE, {_betas(given)}, weight_decay={given.number('weight_decay')!r}{amsgrad})"


def _sgd(given: _Arguments) -> str:
    momentum = given.number("momentum")
    nesterov = ", nesterov=True" if given["nesterov"] is True and momentum else ""
    return f"SGD(PARAMETERS, lr=RATE{f', momentum={momentum!r}' if momentum else ''}{nesterov})"


def _rmsprop(given: _Arguments) -> str:
    momentum, centered = given.number("momentum"), ", centered=True" if given["centered"] is True else ""
    more = f", momentum={momentum!r}" if momentum else ""
    return (
        f"RMSprop(PARAMETERS, lr=RATE, alpha={given.number('rho')!r}, eps={given.number('epsilon')!r}{more}{centered})"
    )


def _adagrad(given: _Arguments) -> str:
    start = given.number("initial_accumulator_value")
    return f"Adagrad(PARAMETERS, lr=RATE, initial_accumulator_value={start!r}, eps={given.number('epsilon')!r})"


def _adadelta(given: _Arguments) -> str:
    return f"Adadelta(PARAMETERS, lr=RATE, rho={given.number('rho')!r}, eps={given.number('epsilon')!r})"


_OPTIMIZERS: Mapping[str, Callable[[_Arguments], str]] = {
    "Adadelta": _adadelta,
    "Adagrad": _adagrad,
    "Adam": _adam,
    "AdamW": _adam,
    "Adamax": lambda given: f"Adamax(PARAMETERS, lr=RATE, {_betas(given)})",
    "Nadam": lambda given: f"NAdam(PARAMETERS, lr=RATE, {_betas(given)})",
    "RMSprop": _rmsprop,
    "SGD": _sgd,
}


def _decay_steps(given: _Arguments) -> str:
    steps = f"step / {given.number('decay_steps')!r}"
    return f"math.floor({steps})" if given["staircase"] is True else steps


def _exponential(given: _Arguments) -> str:
    steps = _decay_steps(given)
    return f"return {given.number('initial_learning_rate')!r} * {given.number('decay_rate')!r} ** ({steps})"


def _inverse(given: _Arguments) -> str:
    steps = _decay_steps(given)
    return f"return {given.number('initial_learning_rate')!r} / (1 + {given.number('decay_rate')!r} * ({steps}))"


def _polynomial(given: _Arguments) -> str:
    if given["cycle"] is True:
        raise no_counterpart("torch", f"{_WHERE}.learning_rate", "PolynomialDecay", "cycle: True")
    start, end = given.number("initial_learning_rate"), given.number("end_learning_rate")
    share = f"(1 - min(step / {given.number('decay_steps')!r}, 1))"
    return f"return {end!r} + {start - end!r} * {share} ** {given.number('power')!r}"


def _cosine(given: _Arguments) -> str:
    start, steps, alpha = given.number("initial_learning_rate"), given.number("decay_steps"), given.number("alpha")
    lines, warm, top = list[str](), given.number("warmup_steps"), start
    if given["warmup_target"] is not None:
        top = given.number("warmup_target")
        lines += [f"if step < {warm!r}:", f"    return {start!r} + {top - start!r} * step / {warm!r}"]
        lines += [f"step -= {warm!r}"]
    lines.append(f"share = (1 + math.cos(math.pi * min(step / {steps!r}, 1))) / 2")
    lines.append(f"return {top!r} * ({1 - alpha!r} * share + {alpha!r})")
    return "\n    ".join(lines)


def _piecewise(given: _Arguments) -> str:
    bounds, values = given.numbers("boundaries"), given.numbers("values")
    if len(values) != len(bounds) + 1:
        raise EpochalError(f"{_WHERE}.learning_rate: values must have one number more than boundaries")
    return f"return {values!r}[sum(step > bound for bound in {bounds!r})]"


_SCHEDULES: Mapping[str, Callable[[_Arguments], str]] = {
    "CosineDecay": _cosine,
    "ExponentialDecay": _exponential,
    "InverseTimeDecay": _inverse,
    "PiecewiseConstantDecay": _piecewise,
    "PolynomialDecay": _polynomial,
}


def optimizer_code(name: str, arguments: Mapping[str, Any]) -> OptimizerCode:
    """Return the torch code for an optimizer of the spec.

    Raises:
        EpochalError: If torch has no counterpart.
    """
    kind = catalogue().modules[OPTIMIZERS].names.get(name.lower()) or name
    if kind not in _OPTIMIZERS:
        raise no_counterpart("torch", _WHERE, name)
    given = _Arguments(OPTIMIZERS, kind, arguments)
    rate, schedule = given["learning_rate"], ""
    if isinstance(rate, Mapping):
        schedule, code = _schedule(rate), "learning_rate(0)"
    else:
        code = repr(given.number("learning_rate"))
    constructor = _OPTIMIZERS[kind](given).replace("PARAMETERS", "network.parameters()").replace("RATE", code)
    clip = _clip(given)
    given.finish()
    return OptimizerCode(f"torch.optim.{constructor}", schedule, clip)


def _clip(given: _Arguments) -> tuple[str, ...]:
    lines: list[str] = []
    if given["clipnorm"] is not None:
        lines += [
            "for weight in network.parameters():",
            f"    nn.utils.clip_grad_norm_(weight, {given.number('clipnorm')!r})",
        ]
    if given["global_clipnorm"] is not None:
        lines.append(f"nn.utils.clip_grad_norm_(network.parameters(), {given.number('global_clipnorm')!r})")
    if given["clipvalue"] is not None:
        lines.append(f"nn.utils.clip_grad_value_(network.parameters(), {given.number('clipvalue')!r})")
    return tuple(lines)


def _schedule(rate: Mapping[str, Any]) -> str:
    name = str(rate.get("name"))
    if name not in _SCHEDULES:
        raise no_counterpart("torch", f"{_WHERE}.learning_rate", name[:40])
    given = _Arguments(SCHEDULES, name, {key: value for key, value in rate.items() if key != "name"})
    body = _SCHEDULES[name](given)
    given.finish()
    return f'def learning_rate(step):\n    """Return the learning rate of a step, as {name} of Keras."""\n    {body}'
