"""The callbacks of a training, called as Keras calls them, but waiting for no figures that nobody reads."""

from collections.abc import Sequence
from typing import Any

import keras
from keras.src.utils.python_utils import is_default


class CallbackList(keras.callbacks.CallbackList):  # type: ignore[misc]
    """Callbacks of a training that begins once, even if the first epoch is finished before Keras' fit is called.

    With TensorFlow, Keras makes Python numbers of each step's figures, whether or not a callback reads them: the host
    waits for the device at every step, and the device for the host after it.

    Args:
        callbacks: The callbacks, in the order in which they are called.
        **more: See keras.callbacks.CallbackList.
    """

    def __init__(self, callbacks: Sequence[Any], **more: Any) -> None:
        super().__init__(list(callbacks), **more)
        self._begun = False
        self._train_figures = any(_reads(callback, "on_batch_end", "on_train_batch_end") for callback in self.callbacks)
        self._test_figures = any(_reads(callback, "on_test_batch_end") for callback in self.callbacks)

    def on_train_begin(self, logs: Any = None) -> None:
        """See keras.callbacks.Callback."""
        if not self._begun:
            self._begun = True
            super().on_train_begin(logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """See keras.callbacks.Callback."""
        super().on_train_batch_end(batch, logs if self._train_figures else None)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """See keras.callbacks.Callback."""
        super().on_test_batch_end(batch, logs if self._test_figures else None)


def _reads(callback: Any, *methods: str) -> bool:
    """Whether a callback looks at the figures of single steps in one of its methods."""
    if "epoch" in {getattr(callback, "save_freq", None), getattr(callback, "update_freq", None)}:
        return False  # ModelCheckpoint, BackupAndRestore and TensorBoard have the method all the same
    return not all(is_default(getattr(callback, method)) for method in methods)
