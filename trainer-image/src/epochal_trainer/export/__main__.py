"""The entry point of an export process that is not forked: for a trainer without a forked one, and for `convert`."""

import sys
from pathlib import Path

from epochal_trainer.export.worker import end_with_parent, export_request

if __name__ == "__main__" and end_with_parent(int(sys.argv[2])):
    export_request(Path(sys.argv[1]))
