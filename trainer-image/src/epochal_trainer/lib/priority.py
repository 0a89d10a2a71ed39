"""Which threads the kernel runs first."""

import os
import threading
from contextlib import suppress

_NICE = 10
"""A tenth of a core that all want, and all that the training leaves. At 19 a checkpoint might never be written."""


def lower() -> None:
    """Lets the training go before this thread, and those that it starts. There is no way back without a privilege."""
    with suppress(OSError):  # not every kernel has a priority for each thread
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
