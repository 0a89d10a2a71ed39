"""The folder for temporary files in the trainer's pod."""

import os

from epochal_api.pod import SCRATCH


def scratch_folder() -> str | None:
    """Return the pod's folder for temporary files, or None outside of a pod, where it is not writable."""
    return SCRATCH if os.access(SCRATCH, os.W_OK) else None
