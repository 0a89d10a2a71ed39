"""Converts Keras losses to torch functions. Each function returns the loss of each sample in a batch."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from epochal_api.catalogue.classes import LOSSES, catalogue

from epochal.exporters.support import no_counterpart

_EPSILON = "1e-7"

_SOURCES: Mapping[str, str] = {
    "sparse_categorical_crossentropy": f'''
def sparse_categorical_crossentropy(output, target):
    """Return the loss of each sample, from probabilities and class indices."""
    logs = output.clamp({_EPSILON}, 1 - {_EPSILON}).log()
    return sparse_categorical_crossentropy_of_logits(logs, target)
''',
    "sparse_categorical_crossentropy_of_logits": '''
def sparse_categorical_crossentropy_of_logits(output, target):
    """Return the loss of each sample, from logits and class indices."""
    target = target.long().reshape(output.shape[:-1])
    return F.cross_entropy(output.movedim(-1, 1), target, reduction="none")
''',
    "categorical_crossentropy": f'''
def categorical_crossentropy(output, target, label_smoothing=0.0):
    """Return the loss of each sample, from probabilities and one-hot rows."""
    shares = output / output.sum(dim=-1, keepdim=True)
    logs = shares.clamp({_EPSILON}, 1 - {_EPSILON}).log()
    target = target * (1 - label_smoothing) + label_smoothing / output.shape[-1]
    return -(target * logs).sum(dim=-1)
''',
    "categorical_crossentropy_of_logits": '''
def categorical_crossentropy_of_logits(output, target, label_smoothing=0.0):
    """Return the loss of each sample, from logits and one-hot rows."""
    target = target * (1 - label_smoothing) + label_smoothing / output.shape[-1]
    return -(target * F.log_softmax(output, dim=-1)).sum(dim=-1)
''',
    "binary_crossentropy": f'''
def binary_crossentropy(output, target, label_smoothing=0.0):
    """Return the loss of each sample, from probabilities and labels from 0 to 1."""
    target = (
        target.reshape(output.shape).float() * (1 - label_smoothing)
        + 0.5 * label_smoothing
    )
    output = output.clamp({_EPSILON}, 1 - {_EPSILON})
    return F.binary_cross_entropy(output, target, reduction="none").mean(dim=-1)
''',
    "binary_crossentropy_of_logits": '''
def binary_crossentropy_of_logits(output, target, label_smoothing=0.0):
    """Return the loss of each sample, from logits and labels from 0 to 1."""
    target = (
        target.reshape(output.shape).float() * (1 - label_smoothing)
        + 0.5 * label_smoothing
    )
    return F.binary_cross_entropy_with_logits(output, target, reduction="none").mean(
        dim=-1
    )
''',
    "mean_squared_error": '''
def mean_squared_error(output, target):
    """Return the loss of each sample."""
    return (output - target.reshape(output.shape)).square().mean(dim=-1)
''',
    "mean_absolute_error": '''
def mean_absolute_error(output, target):
    """Return the loss of each sample."""
    return (output - target.reshape(output.shape)).abs().mean(dim=-1)
''',
    "mean_absolute_percentage_error": f'''
def mean_absolute_percentage_error(output, target):
    """Return the loss of each sample."""
    target = target.reshape(output.shape).float()
    return 100 * ((target - output) / target.abs().clamp(min={_EPSILON})).abs().mean(
        dim=-1
    )
''',
    "mean_squared_logarithmic_error": f'''
def mean_squared_logarithmic_error(output, target):
    """Return the loss of each sample."""
    target = target.reshape(output.shape).float().clamp(min={_EPSILON})
    return (output.clamp(min={_EPSILON}).log1p() - target.log1p()).square().mean(dim=-1)
''',
    "huber": '''
def huber(output, target, delta=1.0):
    """Return the loss of each sample."""
    target = target.reshape(output.shape).float()
    return F.huber_loss(output, target, reduction="none", delta=delta).mean(dim=-1)
''',
    "log_cosh": '''
def log_cosh(output, target):
    """Return the loss of each sample."""
    error = output - target.reshape(output.shape)
    return (error + F.softplus(-2 * error) - math.log(2)).mean(dim=-1)
''',
    "poisson": f'''
def poisson(output, target):
    """Return the loss of each sample."""
    return (output - target.reshape(output.shape) * (output + {_EPSILON}).log()).mean(
        dim=-1
    )
''',
    "kl_divergence": f'''
def kl_divergence(output, target):
    """Return the loss of each sample, from two distributions."""
    output = output.clamp({_EPSILON}, 1)
    target = target.reshape(output.shape).float().clamp({_EPSILON}, 1)
    return (target * (target / output).log()).sum(dim=-1)
''',
    "hinge": '''
def hinge(output, target):
    """Return the loss of each sample, from labels -1 and 1, or 0 and 1."""
    target = target.reshape(output.shape).float()
    target = torch.where(target == 0, -1.0, target)
    return (1 - target * output).clamp(min=0).mean(dim=-1)
''',
    "squared_hinge": '''
def squared_hinge(output, target):
    """Return the loss of each sample, from labels -1 and 1, or 0 and 1."""
    target = target.reshape(output.shape).float()
    target = torch.where(target == 0, -1.0, target)
    return (1 - target * output).clamp(min=0).square().mean(dim=-1)
''',
    "cosine_similarity": '''
def cosine_similarity(output, target):
    """Return the loss of each sample: -1 for the same direction."""
    target = F.normalize(target.reshape(output.shape).float(), dim=-1)
    return -(F.normalize(output, dim=-1) * target).sum(dim=-1)
''',
}
"""Source code of each loss function by its name."""

_FUNCTIONS: Mapping[str, str] = {
    "BinaryCrossentropy": "binary_crossentropy",
    "CategoricalCrossentropy": "categorical_crossentropy",
    "CosineSimilarity": "cosine_similarity",
    "Hinge": "hinge",
    "Huber": "huber",
    "KLDivergence": "kl_divergence",
    "LogCosh": "log_cosh",
    "MeanAbsoluteError": "mean_absolute_error",
    "MeanAbsolutePercentageError": "mean_absolute_percentage_error",
    "MeanSquaredError": "mean_squared_error",
    "MeanSquaredLogarithmicError": "mean_squared_logarithmic_error",
    "Poisson": "poisson",
    "SparseCategoricalCrossentropy": "sparse_categorical_crossentropy",
    "SquaredHinge": "squared_hinge",
}
"""The name in _SOURCES of the function for each class of keras.losses."""
_SHORT: Mapping[str, str] = {
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}
_PASSED = {"label_smoothing", "delta"}


class LossCode(NamedTuple):
    """A loss in torch.

    Args:
        function: The name of its function.
        arguments: Code of its further arguments, after output and target.
        source: Source code of the function, and of functions that it calls.
    """

    function: str
    arguments: str
    source: tuple[str, ...]

    @property
    def is_sparse(self) -> bool:
        """Whether the labels for this loss are class indices."""
        return self.function.startswith("sparse_")

    @property
    def is_categorical(self) -> bool:
        """Whether the labels for this loss are one-hot rows."""
        return self.function.startswith("categorical_")


def loss_code(where: str, name: str, arguments: Mapping[str, Any]) -> LossCode:
    """Return the torch code for a loss of the spec.

    Raises:
        EpochalError: If torch has no counterpart.
    """
    function = _FUNCTIONS.get(name) or _SHORT.get(name.lower()) or (name if name in _SOURCES else None)
    if function is None:
        raise no_counterpart("torch", where, name)
    known = catalogue().modules[LOSSES].find(name)
    passed: list[str] = []
    for key, value in arguments.items():
        default = known.arguments[key].default if known and key in known.arguments else None
        if value == default or (key == "from_logits" and value is True and f"{function}_of_logits" in _SOURCES):
            continue
        if key not in _PASSED or isinstance(value, bool) or not isinstance(value, int | float):
            raise no_counterpart("torch", where, name, f"{key}: {value!r:.40}")
        passed.append(f", {key}={float(value)!r}")
    if arguments.get("from_logits") is True:
        function += "_of_logits"
    sources = [_SOURCES[function]]
    if function == "sparse_categorical_crossentropy":
        sources.insert(0, _SOURCES[f"{function}_of_logits"])
    return LossCode(function, "".join(passed), tuple(text.strip("\n") for text in sources))
