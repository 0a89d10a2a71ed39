"""The keys of the storage, which wait outside of the process until it has forked its export process.

A forked process has the memory of its parent. An environment variable stays in that memory for the life of a program,
even after its deletion: so the keys are in no environment until Keras is imported.
"""

import json
import os
import sys
from collections.abc import MutableMapping
from contextlib import suppress

from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV

KEYS = (ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV)
FILE_ENV = "EPOCHAL_KEYS_FD"
"""Environment variable with the number of the open file that has the keys."""


def restart_without_keys() -> None:
    """Start the program again, in the same process, with the keys in a file in memory instead of the environment.

    Without keys, or on a system without such files, the process continues as it is.
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


def take_back(environ: MutableMapping[str, str] = os.environ) -> None:
    """Return the keys to the environment, if `restart_without_keys` has taken them."""
    if (number := environ.pop(FILE_ENV, None)) is not None:
        with os.fdopen(int(number), encoding="ascii") as file:
            environ.update(json.load(file))


def are_here() -> bool:
    """Return whether this process may have keys in its memory."""
    return any(name in os.environ for name in KEYS)
