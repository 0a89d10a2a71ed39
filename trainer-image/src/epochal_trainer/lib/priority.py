"""The priority of the trainer's background threads for the kernel's scheduler."""

import os
import threading
from contextlib import suppress

_NICE = 10
"""Nice value of background threads.

They get a tenth of a core that the training uses too, and all of an idle core. At 19, the thread that writes
checkpoints might never run.
"""


def lower() -> None:
    """Lower the priority of this thread, and of threads that it starts, below the priority of the training.

    Raising the priority again needs a privilege.
    """
    with suppress(OSError):  # some kernels have no priority per thread
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
