"""Answer requests, a line each: python -m epochal_operator.experiment.search < REQUEST.json > RESPONSE.json."""

import os
import resource
import select
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from epochal_operator.experiment.search.request import IDLE_SECONDS, MAX_MEMORY, Request, Response

_MAX_OOM_SCORE = "1000"
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Environment variables to set before the import of numpy. OpenBLAS allocates memory for each thread, and hangs if the
limit is smaller.
"""


def limit_memory() -> None:
    """Limit the memory of this process to MAX_MEMORY, and set its oom_score_adj to the maximum.

    This process runs in the operator's container. Since Kubernetes 1.28, the kernel kills all processes of a container
    that runs out of memory. The score alone therefore does not protect the operator:
    https://github.com/kubernetes/kubernetes/pull/117793
    """
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY, MAX_MEMORY))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_MAX_OOM_SCORE, encoding="ascii")


def serve(suggest: Callable[[Request], Response]) -> None:
    """Answer requests from the standard input, until it is closed or idle for IDLE_SECONDS."""
    while select.select([sys.stdin], [], [], IDLE_SECONDS)[0] and (line := sys.stdin.buffer.readline()):
        try:
            sys.stdout.write(f"{suggest(Request.model_validate_json(line)).model_dump_json()}\n")
        except MemoryError:
            sys.exit(
                f"the search exceeds the memory limit of {MAX_MEMORY // 1024**2} MiB: use fewer spec.parameters, a "
                "smaller spec.maxTrials, or spec.search.method Random"
            )
        sys.stdout.flush()


if __name__ == "__main__":
    os.environ.update(_ONE_THREAD)
    limit_memory()
    from epochal_operator.experiment.search import suggest as search

    serve(search.suggest)
