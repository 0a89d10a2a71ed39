"""The command `epochal-studio`: serves the pages of Studio and their back end."""

import argparse
import asyncio
import logging
import os
import sys

from epochal_lib.json_log import JsonFormatter, configure
from epochal_lib.redaction import Redactor

from epochal_studio.config import InvalidConfig, read_config

NAME = "epochal-studio"
USAGE = 64

log = logging.getLogger(__name__)


def main() -> None:
    """Read the configuration from the environment, and serve Studio until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(
        prog=NAME, description="Serves Studio. The environment variables EPOCHAL_STUDIO_… configure it."
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    if parser.parse_args().version:
        sys.stdout.write(f"{_version()}\n")
        return
    configure(JsonFormatter(Redactor()))
    try:
        config = read_config(os.environ)
    except InvalidConfig as error:
        log.error("%s", error)  # noqa: TRY400 - a traceback tells users nothing
        sys.exit(USAGE)
    logging.getLogger().setLevel(config.log_level.upper())
    from epochal_studio.serve import serve  # noqa: PLC0415 - a second, after a wrong variable is reported

    log.info("Studio %s on port %d, API server %s", _version(), config.port, config.api_server)
    asyncio.run(serve(config))
    sys.stdout.flush()
    # A thread may still wait for the API server. `os._exit` does not wait for it.
    os._exit(0)


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415

    return version(NAME)


if __name__ == "__main__":
    main()
