"""Reads the configuration that the operator writes for a server."""

from pathlib import Path

from epochal_api.model import field_errors
from epochal_api.modelserver.config import ServerConfig
from pydantic import ValidationError

from epochal_lib.model_server.errors import ServeError


def read_config(path: Path) -> ServerConfig:
    """Return the configuration of a server.

    Args:
        path: The JSON file.

    Raises:
        ServeError: InvalidConfig, if the file is missing or invalid.
    """
    try:
        return ServerConfig.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ServeError("InvalidConfig", f"{path}: cannot be read ({error}): the operator mounts it there") from error
    except ValidationError as error:
        told = "; ".join(field_errors(error))
        raise ServeError(
            "InvalidConfig", f"{path}: is not what a server of this version is told ({told}): use the operator's image"
        ) from error
