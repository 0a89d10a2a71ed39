"""Inputs, padding and arguments of torch layers with a window: convolutions and pooling."""

from collections.abc import Sequence

from epochal.exporters.code_text import size
from epochal.exporters.layer_calls import Call
from epochal.exporters.tensors import Tensor
from epochal.exporters.windows import Window


def image(call: Call, count: int) -> Tensor:
    """Return a layer's single input with its channels first. Fail unless it has `count` axes besides the channels.

    The batch axis does not count.
    """
    if len(call.input.shape) != count + 1:
        call.fail(
            f"the input of the layer must have {count} axes and channels, found the shape {list(call.input.shape)}"
        )
    return call.input.first()


def padded(call: Call, tensor: Tensor, window: Window, value: str = "") -> tuple[str, tuple[int, ...]]:
    """Return the code of a padded input, and the symmetric padding that the layer itself must add.

    Args:
        call: The call of the layer.
        tensor: Its input, with the channels first.
        window: Its window.
        value: Code of the number to pad with; "" for zero.
    """
    nothing = (0,) * len(window.kernel)
    pads = window.pads(tensor.shape[:-1])
    if pads is None:
        call.helpers.add("pad_same")
        arguments = f"{tensor.code}, {window.extents!r}, {window.strides!r}"
        return f"pad_same({arguments}{f', {value}' if value else ''})", nothing
    # The layer pads if all its calls need the same padding, which the size of an input with steps may change.
    is_fixed = window.padding == "same" and set(window.strides) == {1}
    if is_fixed and all(before == after for before, after in pads):
        return tensor.code, tuple(before for before, _ in pads)
    if not any(map(any, pads)):
        return tensor.code, nothing
    amounts = ", ".join(f"{before}, {after}" for before, after in reversed(pads))
    return f"F.pad({tensor.code}, ({amounts}){f', value={value}' if value else ''})", nothing


def options(**sizes: tuple[Sequence[int], int]) -> list[str]:
    """Return the arguments of a torch layer as code, such as ["stride=2"]. Arguments with default values are left out.

    Args:
        **sizes: By the name of an argument: its size for each axis, and the default, which is the same for all axes.
    """
    return [f"{key}={size(value)}" for key, (value, default) in sizes.items() if set(value) != {default}]
