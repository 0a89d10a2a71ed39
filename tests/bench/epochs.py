"""The end of each epoch in the log of a pod: the same clock and the same kind of line for trainer and script."""

import re
from datetime import datetime
from itertools import pairwise


def ends(log: str) -> dict[int, float]:
    """Returns the end of each epoch in seconds since 1970, from `kubectl logs --timestamps`: its last line counts."""
    found = {}
    for line in log.splitlines():
        if match := re.match(r"(\S+) .*\bEpoch +(\d+)/\d+", line):
            found[int(match[2])] = datetime.fromisoformat(match[1]).timestamp()
    return found


def steady(log: str) -> list[float]:
    """Returns the seconds from each epoch's end to the next one's: all epochs but the first, which traces the graph."""
    times = [at for _, at in sorted(ends(log).items())]
    return [end - begin for begin, end in pairwise(times)]
