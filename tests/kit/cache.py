"""The folder in which `make` keeps programs, packages and data for the next run."""

import os
from pathlib import Path

CACHE = Path(os.environ.get("EPOCHAL_CACHE") or Path.home() / ".cache" / "epochal")
