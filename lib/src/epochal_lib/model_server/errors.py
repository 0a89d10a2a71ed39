"""The error that ends a model server, or the init container that converts its model."""

import os
from typing import Literal

from epochal_api.pod import ExitCode

from epochal_lib.fatal_error import CRASHED, FatalError

Reason = Literal[
    "StorageUnreachable",
    "StorageRefused",
    "ModelNotFound",
    "ModelDamaged",
    "ModelRefused",
    "NotConvertible",
    "CheckDiffers",
    "InvalidConfig",
    "Crashed",
]
_EXIT_CODES: dict[str, int] = {
    "StorageUnreachable": os.EX_UNAVAILABLE,
    "StorageRefused": ExitCode.REFUSED,
    "InvalidConfig": ExitCode.BAD_SPEC,
    "Crashed": CRASHED,
}


class ServeError(FatalError):
    """An error that ends a model server or its init container: it cannot serve until the cause is fixed.

    Args:
        reason: The cause. It becomes a reason of the ModelServer's conditions.
        message: What failed, what was found, what is expected, and what to do.
    """

    reason: Reason

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(reason, message, _EXIT_CODES.get(reason, ExitCode.BAD_DATA))
