"""A new export process, for a trainer without one that was forked, and for the conversion of a model."""

import sys
from pathlib import Path

from epochal_trainer.export.worker import export_request, submit_to

if __name__ == "__main__" and submit_to(int(sys.argv[2])):
    export_request(Path(sys.argv[1]))
