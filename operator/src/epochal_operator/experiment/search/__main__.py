"""Answer requests, a line each: python -m epochal_operator.experiment.search < REQUEST.json > RESPONSE.json."""

import os
import select
import sys
from collections.abc import Callable

from epochal_operator.experiment.search.memory import exceeded_message, limit_memory
from epochal_operator.experiment.search.request import IDLE_SECONDS, Request, Response

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Environment variables to set before the import of numpy. OpenBLAS allocates memory for each thread, and hangs if the
limit is smaller.
"""


def serve(suggest: Callable[[Request], Response], memory_limit: int) -> None:
    """Answer requests from the standard input, until it is closed or idle for IDLE_SECONDS.

    If a request exceeds the memory limit of this process in bytes, end the process with a message.
    """
    while select.select([sys.stdin], [], [], IDLE_SECONDS)[0] and (line := sys.stdin.buffer.readline()):
        try:
            sys.stdout.write(f"{suggest(Request.model_validate_json(line)).model_dump_json()}\n")
        except MemoryError:
            sys.exit(exceeded_message(memory_limit))
        sys.stdout.flush()


if __name__ == "__main__":
    os.environ.update(_ONE_THREAD)
    limit = limit_memory()
    from epochal_operator.experiment.search import suggest as search

    serve(search.suggest, limit)
