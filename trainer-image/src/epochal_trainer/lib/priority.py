"""The priority of threads for the kernel's scheduler."""

import os
import threading
from contextlib import suppress

_NICE = 10
"""Nice value: a tenth of a contended core, and all of an idle one. At 19 a checkpoint might never be written."""


def lower() -> None:
    """Lower the priority of this thread, and of threads that it starts, below the training.

    Raising the priority again needs a privilege.
    """
    with suppress(OSError):  # some kernels have no priority per thread
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
