"""The folder for temporary files of the pod."""

import os

from epochal_api.pod import SCRATCH


def scratch_folder() -> str | None:
    """Return the writable folder of the pod, or None outside a pod."""
    return SCRATCH if os.access(SCRATCH, os.W_OK) else None
