"""A network that reads digits, small enough to lie beside the tests: 0.99 of MNIST's test images are right.

Its weights were trained as in manifests/examples/mnist.yaml, with fewer filters; what batch normalisation does is in
them. Run on numpy, the tests need neither Keras nor MNIST.
"""

from pathlib import Path

import numpy as np

from tests.photographs.paper import Array

FOLDER = Path(__file__).parent
SAME = 2
"""The convolution that is padded, as mnist.yaml has it."""


class Network:
    def __init__(self) -> None:
        with np.load(FOLDER / "network.npz") as weights:
            self._weights = {name: weights[name].astype(np.float32) for name in weights.files}

    def classes(self, images: Array) -> Array:
        """Returns the class of each image.

        Args:
            images: Bytes of shape (n, 28, 28), light on black.
        """
        x = images[..., None].astype(np.float32) / 255
        for layer in range(3):
            x = self._convolved(x, layer)
        flat = x.reshape(len(x), -1)
        best: Array = (flat @ self._weights["kernel3"] + self._weights["bias3"]).argmax(1)
        return best

    def _convolved(self, x: Array, layer: int) -> Array:
        kernel, bias = self._weights[f"kernel{layer}"], self._weights[f"bias{layer}"]
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
        y = np.maximum(np.tensordot(windows, kernel, ((3, 4, 5), (2, 0, 1))) + bias, 0)
        if layer == SAME:
            y = np.pad(y, ((0, 0), (0, y.shape[1] % 2), (0, y.shape[2] % 2), (0, 0)))
        high, wide = y.shape[1] // 2 * 2, y.shape[2] // 2 * 2
        pooled: Array = y[:, :high, :wide].reshape(len(y), high // 2, 2, wide // 2, 2, -1).max((2, 4))
        return pooled
