"""Reads what the operator tells a server."""

from pathlib import Path

from epochal_api.model import field_errors
from epochal_api.server_config import ServerConfig
from pydantic import ValidationError

from epochal_server.ending import Ended


def read(path: Path) -> ServerConfig:
    """Returns what a server is told.

    Args:
        path: The file, JSON.

    Raises:
        Ended: InvalidConfig, if it is not there, or not as it must be.
    """
    try:
        return ServerConfig.model_validate_json(path.read_bytes())
    except OSError as error:
        raise Ended("InvalidConfig", f"{path}: cannot be read ({error}): the operator mounts it there") from error
    except ValidationError as error:
        told = "; ".join(field_errors(error))
        raise Ended(
            "InvalidConfig", f"{path}: is not what a server of this version is told ({told}): use the operator's image"
        ) from error
