"""`python -m tests.demo.command_pictures FOLDER`: takes the pictures of docs/command.md on the local cluster."""

import os
import re
import sys
import tempfile
from pathlib import Path

from scripts.site.recordings import picture
from tests.demo.studio_pictures import NAMESPACE, RATES, prepare
from tests.kit import buckets
from tests.kit.jobs import Namespace
from tests.kit.kubectl import kubectl

FIRST, SECOND, *_ = RATES
PICTURES = {
    "list": ["list", "--sort", "val_loss"],
    "results": ["results", FIRST],
    "plot": ["plot", FIRST, SECOND, "--metric", "val_loss"],
    "compare": ["compare", *RATES],
}
_REDRAW = re.compile(r"(?:\x1b\[2K|\x1b\[1A)+")
"""The codes that rich writes before it draws a frame over the last one: erase a line, go up."""


def early_frame(output: str) -> str:
    """Return a frame of an output that is drawn again and again, from the time when the trainings run."""
    frames = [frame.strip("\n") for frame in _REDRAW.split(output)]
    drawn = [frame for frame in frames if frame]
    return drawn[len(drawn) // 3]


def main(folder: str) -> None:
    """Take all pictures."""
    here = ["--namespace", NAMESPACE]
    os.environ["EPOCHAL_STORAGE_ENDPOINT"] = buckets.ENDPOINT
    prepare()
    namespace = Namespace(NAMESPACE)
    namespace.wait_epoch(1, FIRST)
    with tempfile.TemporaryDirectory() as place:
        pictures = {"watch": picture(Path(place), ["watch", *RATES, *here], frame=early_frame)}
        for name in RATES:
            namespace.complete(name)
        for name, arguments in PICTURES.items():
            pictures[name] = picture(Path(place), [*arguments, *here])
    for name, text in pictures.items():
        Path(folder, f"command-{name}.svg").write_text(text)
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")


if __name__ == "__main__":
    main(*sys.argv[1:])
