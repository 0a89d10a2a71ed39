"""The command `epochal-server`: serves the model of a ModelServer."""

import argparse
import gc
import logging
import os
import sys
from pathlib import Path

from epochal_api.modelserver.pod import (
    AUTH_FOLDER,
    ENDPOINT_REMOVAL_SECONDS,
    HTTP_PORT,
    METRICS_PORT,
    MODEL_FOLDER,
    SERVER_FILE,
    TLS_FOLDER,
)
from epochal_lib.fatal_error import exit_code_of
from epochal_lib.json_log import JsonFormatter, configure
from epochal_lib.redaction import Redactor
from epochal_lib.sockets import listen

NAME = "epochal-server"

log = logging.getLogger("epochal_server")


def main() -> None:
    """Parse the command line, serve until SIGTERM or SIGINT, and exit with 0 or the exit code of the error."""
    parser = argparse.ArgumentParser(description="Serves the model that a ModelServer names.")
    parser.add_argument(
        "--config", type=Path, default=Path(SERVER_FILE), help="JSON file with the configuration: %(default)s"
    )
    parser.add_argument("--host", default="", help="address to listen on; default: all")
    parser.add_argument("--port", type=int, default=HTTP_PORT, help="port of all protocols: %(default)s")
    parser.add_argument("--metrics-port", type=int, default=METRICS_PORT, help="port of /metrics: %(default)s")
    parser.add_argument("--model", type=Path, default=Path(MODEL_FOLDER), help="folder of the model: %(default)s")
    parser.add_argument("--auth", type=Path, default=Path(AUTH_FOLDER), help="folder of API keys: %(default)s")
    parser.add_argument("--tls", type=Path, default=Path(TLS_FOLDER), help="folder of the certificate: %(default)s")
    parser.add_argument(
        "--stay",
        type=float,
        default=ENDPOINT_REMOVAL_SECONDS,
        help="seconds after SIGTERM for which the server still accepts new requests: %(default)s",
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    arguments = parser.parse_args()
    if arguments.version:
        sys.stdout.write(f"{_version()}\n")
        return
    redact = Redactor.of_environment()
    configure(JsonFormatter(redact))
    code = exit_code_of(lambda: _serve(arguments), redact)
    sys.stdout.flush()
    # A thread may still wait for the storage or run library code. `os._exit` does not wait for it.
    os._exit(code)


def _serve(arguments: argparse.Namespace) -> int:
    listener, metrics = (listen(port, arguments.host) for port in (arguments.port, arguments.metrics_port))
    # The imports take half a second, so the sockets listen before: a probe that is refused would be repeated a second
    # later. Garbage collection would take a tenth of that time, and there is next to no garbage.
    gc.disable()
    import asyncio  # noqa: PLC0415

    from epochal_lib.model_server.config import read_config  # noqa: PLC0415

    from epochal_server.serve import Folders, Server  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    config = read_config(arguments.config)
    log.info("Epochal server %s: %s/%s", _version(), config.namespace, config.name)

    async def serve() -> None:
        folders = Folders(arguments.model, arguments.auth, arguments.tls)
        await Server(config, folders, arguments.stay).run(listener, metrics)

    asyncio.run(serve())
    return 0


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415

    return version(NAME)


if __name__ == "__main__":
    main()
