"""Pauses Python's garbage collector during imports."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Pause the garbage collector within the context, for imports, and exclude all objects from later collections.

    Modules stay until the process ends, so collecting them frees almost nothing. Collections would take a tenth of the
    time to import TensorFlow. After a fork, a collection would copy all memory that the processes share.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
