"""The garbage collector of Python during imports."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Import modules within the context without garbage collections, and exclude their objects from later ones.

    Modules stay until the process ends, so a collection frees almost nothing. It takes a tenth of the time to import
    TensorFlow, and after a fork it copies all pages that the processes share.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
