"""Requirements of the machine."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from report import Failure

GO = (1, 26)
GIB = 2**30


def check_root() -> None:
    """Fails unless the user is root, as namespaces, mounts and cgroups require."""
    if os.geteuid() != 0:
        raise Failure("the local cluster needs root: it makes namespaces, mounts and cgroups. Try again with sudo.")


def check_go() -> None:
    """Fails unless a recent Go is on PATH."""
    wanted = ".".join(map(str, GO))
    if shutil.which("go") is None:
        raise Failure(f"no Go on PATH; the cluster's programs are built with Go {wanted} or later (https://go.dev/dl)")
    version = subprocess.run(["go", "version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"go(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < GO:
        raise Failure(f"Go is too old: found {version.strip()!r}, needed is {wanted} or later (https://go.dev/dl)")


def check_disk(folder: Path, gib: int) -> None:
    """Fails unless the file system of an existing or future folder has so many GiB free."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free / GIB
    if free < gib:
        raise Failure(f"{existing} has {free:.1f} GiB free, needed are {gib} GiB")
