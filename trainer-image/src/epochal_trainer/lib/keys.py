"""Keeps the storage credentials ("keys") out of the trainer's memory until it has forked the export process.

A forked process has a copy of its parent's memory. A deleted environment variable stays in that memory until the
program ends. So the trainer restarts without the keys in its environment, and restores them after the import of Keras.
"""

import json
import os
import sys
from collections.abc import MutableMapping
from contextlib import suppress

from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV

KEYS = (ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV)
FILE_ENV = "EPOCHAL_KEYS_FD"
"""Environment variable with the descriptor of the file in memory that has the keys."""


def restart_without_keys() -> None:
    """Restart this program in the same process, with the keys in a file in memory instead of the environment.

    Return, and change nothing, if the environment has no keys, or the system has no files in memory.
    """
    found = {name: os.environ[name] for name in KEYS if name in os.environ}
    if not found or not hasattr(os, "memfd_create"):
        return
    with suppress(OSError):
        file = os.memfd_create("keys", 0)
        with os.fdopen(os.dup(file), "w", encoding="ascii") as writer:
            json.dump(found, writer)
        os.lseek(file, 0, os.SEEK_SET)
        rest = {name: value for name, value in os.environ.items() if name not in found}
        os.execve(sys.executable, sys.orig_argv, rest | {FILE_ENV: str(file)})  # noqa: S606 - this program


def restore_keys(environ: MutableMapping[str, str] = os.environ) -> None:
    """Move the keys from the file in memory to the environment, if `restart_without_keys` has removed them from it."""
    if (number := environ.pop(FILE_ENV, None)) is not None:
        with os.fdopen(int(number), encoding="ascii") as file:
            environ.update(json.load(file))


def has_keys() -> bool:
    """Return whether the environment, and so the memory of this process, has storage credentials."""
    return any(name in os.environ for name in KEYS)
