"""Windows that move over an image or a sequence: sizes of the output, and padding."""

from collections.abc import Sequence
from dataclasses import dataclass

from epochal.exporters.layer_calls import Call


@dataclass(frozen=True)
class Window:
    """A window of a convolution or of pooling.

    Args:
        kernel: Number of its elements in each axis.
        strides: Distance of neighboring window positions in each axis.
        dilation: Distance of neighboring elements of the window in each axis.
        padding: valid, same or causal.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: str

    @property
    def extents(self) -> tuple[int, ...]:
        """Size of the window in each axis, including the gaps of its dilation."""
        return tuple((kernel - 1) * step + 1 for kernel, step in zip(self.kernel, self.dilation, strict=True))

    def output(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the number of window positions in each axis, for an input shape without channels: the output shape."""
        axes = zip(shape, self.extents, self.strides, strict=True)
        if self.padding == "valid":
            return tuple(None if length is None else (length - extent) // step + 1 for length, extent, step in axes)
        return tuple(None if length is None else -(-length // step) for length, _, step in axes)

    def pads(self, shape: Sequence[int | None]) -> list[tuple[int, int]] | None:
        """Return the padding before and after each axis; None if it depends on an axis of unknown size."""
        pads: list[tuple[int, int]] = []
        for length, extent, step in zip(shape, self.extents, self.strides, strict=True):
            if self.padding == "valid":
                pads.append((0, 0))
            elif self.padding == "causal":
                pads.append((extent - 1, 0))
            elif step == 1:
                pads.append(((extent - 1) // 2, extent - 1 - (extent - 1) // 2))
            elif length is None:
                return None
            else:
                total = max((-(-length // step) - 1) * step + extent - length, 0)
                pads.append((total // 2, total - total // 2))
        return pads


def read_window(call: Call, count: int, kernel: str, *, dilated: bool = True) -> Window:
    """Return the window of a layer with `count` spatial axes.

    `kernel` is the name of the argument with the window's size. `dilated` is whether the layer has a dilation rate.
    """
    sizes = call.sizes(kernel, count)
    strides = sizes if call["strides"] is None else call.sizes("strides", count)
    dilation = call.sizes("dilation_rate", count) if dilated else (1,) * count
    padding = call["padding"]
    if padding not in {"valid", "same", "causal"}:
        call.fail(f"padding must be valid or same, found {padding!r:.40}")
    call.choice("data_format", None, "channels_last")
    return Window(sizes, strides, dilation, padding)
