"""The entry point of the trainer's process."""

import os
import signal
import sys

from epochal_trainer.lib import keys


def main() -> None:
    """Run the command of `sys.argv`; for `run`, first move storage keys from the environment to memory."""
    # Until the run sets its own handler. The first process of a container has no default action for SIGTERM, and would
    # not end. SystemExit would not end it either: imports run Python in callbacks of weak references, where exceptions
    # are ignored.
    signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))
    if sys.argv[1:2] == ["run"]:
        keys.restart_without_keys()  # It replaces the process by a new one, so it may not return: see lib/keys.py.
    from epochal_trainer.commands import app  # noqa: PLC0415 - imports that `restart_without_keys` would repeat

    app()


if __name__ == "__main__":
    main()
