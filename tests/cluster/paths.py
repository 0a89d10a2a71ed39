"""The folders of the local cluster."""

import os
from pathlib import Path

SOURCE = Path(__file__).resolve().parent
CHECKOUT = SOURCE.parent.parent

# Outlives the cluster: binaries, image layers, download caches.
CACHE = Path(os.environ.get("EPOCHAL_CACHE") or Path.home() / ".cache" / "epochal")

# Dies with the cluster.
STATE = Path("/var/lib/epochal-cluster")
BIN = STATE / "bin"
CONFIG = STATE / "config"
LOGS = STATE / "logs"
PIDS = STATE / "pids"
PKI = STATE / "pki"
KUBECONFIG = STATE / "kubeconfig"

CONTAINERD_ROOT = CACHE / "containerd"
CONTAINERD_STATE = STATE / "containerd"
CONTAINERD_SOCKET = CONTAINERD_STATE / "containerd.sock"
