"""A list of Keras callbacks without waits for metric values that no callback reads.

It is a separate module, so that a traceback distinguishes errors of the user's callbacks from errors of `fit`.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras.src.utils.python_utils import is_default


class CallbackList(keras.callbacks.CallbackList):  # type: ignore[misc]
    """Keras' list of callbacks, which passes the metric values of steps only if a callback reads them.

    With TensorFlow, Keras converts the metric values of each step to Python numbers, even if no callback reads them.
    Then the host waits for the GPU at every step, and the GPU waits for the host afterwards.

    `on_train_begin` runs only once, because it may be called before Keras' fit, which calls it too.

    Args:
        callbacks: The callbacks, in the order in which they are called.
        **options: See keras.callbacks.CallbackList.
    """

    def __init__(self, callbacks: Sequence[Any], **options: Any) -> None:
        super().__init__(list(callbacks), **options)
        self._has_begun = False
        self._passes_train_logs = any(
            _uses_step_metrics(callback, "on_batch_end", "on_train_batch_end") for callback in self.callbacks
        )
        self._passes_test_logs = any(_uses_step_metrics(callback, "on_test_batch_end") for callback in self.callbacks)

    def on_train_begin(self, logs: Any = None) -> None:
        """Call `on_train_begin` of the callbacks once, even if this method is called again."""
        if not self._has_begun:
            self._has_begun = True
            super().on_train_begin(logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Call the callbacks at the end of a training step, with metric values only if a callback reads them."""
        super().on_train_batch_end(batch, logs if self._passes_train_logs else None)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Call the callbacks at the end of a validation step, with metric values only if a callback reads them."""
        super().on_test_batch_end(batch, logs if self._passes_test_logs else None)


def _uses_step_metrics(callback: Any, *methods: str) -> bool:
    """Return whether a callback overrides one of the methods, and so may read the metric values of single steps."""
    if "epoch" in {getattr(callback, "save_freq", None), getattr(callback, "update_freq", None)}:
        return False  # ModelCheckpoint, BackupAndRestore and TensorBoard override the method even so
    return not all(is_default(getattr(callback, method)) for method in methods)
