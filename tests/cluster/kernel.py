"""Settings of the machine's kernel that the kubelet changes when it starts: kept, to be put back."""

import json
from pathlib import Path

from paths import STATE

SYSCTL = Path("/proc/sys")
CHANGED = (
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)
KEPT = STATE / "kernel.json"


def save() -> None:
    """Notes the settings as they are before the kubelet's first start."""
    if not KEPT.exists():
        KEPT.write_text(json.dumps({name: (SYSCTL / name).read_text().strip() for name in CHANGED}))


def restore() -> None:
    """Puts the settings back."""
    if KEPT.exists():
        for name, value in json.loads(KEPT.read_text()).items():
            if (SYSCTL / name).read_text().strip() != value:
                (SYSCTL / name).write_text(value)
