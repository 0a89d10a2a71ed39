"""The folder for files that go with the pod."""

import os

from epochal_api.pod import SCRATCH


def scratch_folder() -> str | None:
    """Returns the folder that a pod may write to, or None outside of one."""
    return SCRATCH if os.access(SCRATCH, os.W_OK) else None
