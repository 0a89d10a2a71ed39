"""Reads the configuration that the operator passes to a model server."""

from pathlib import Path

from epochal_api.model import field_errors
from epochal_api.modelserver.config import ServerConfig
from pydantic import ValidationError

from epochal_lib.model_server.errors import ServeError


def read_config(path: Path) -> ServerConfig:
    """Return the configuration of a server from its JSON file.

    Raises:
        ServeError: InvalidConfig, if the file is missing or invalid.
    """
    try:
        return ServerConfig.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ServeError(
            "InvalidConfig",
            f"cannot read the configuration {path} ({error}): let the operator create the pod, "
            "which mounts its annotation there",
        ) from error
    except ValidationError as error:
        faults = "; ".join(field_errors(error))
        raise ServeError(
            "InvalidConfig",
            f"{path}: expected the configuration of this server version, found {faults}: use the server image of the "
            "operator's version",
        ) from error
