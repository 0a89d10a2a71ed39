"""The cluster's network namespace: nothing of the machine's own network changes, and nothing can leave it.

Pods hang on point-to-point links (CNI's ptp) instead of a bridge: all their traffic is routed, so that
kube-proxy's translations hold without br_netfilter. The node's address lies on the loopback interface.
"""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import mounts
from paths import STATE
from process import call

NAME = "epochal"
HANDLE = Path("/run/netns") / NAME
NODE_ADDRESS = "10.77.0.1"
POD_RANGE = "10.244.0.0/16"
SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
DNS_SERVICE = "10.96.0.10"
DOMAIN = "cluster.local"
RESOLV_CONF = STATE / "resolv.conf"

CLONE_NEWNET = 0x40000000
T = TypeVar("T")


def exists() -> bool:
    """Whether the namespace is there."""
    return bool(mounts.below(HANDLE))


def create() -> None:
    """Makes the namespace, unless it is there."""
    if not exists():
        HANDLE.unlink(missing_ok=True)
        call("ip", "netns", "add", NAME)
        call("ip", "-n", NAME, "link", "set", "lo", "up")
        call("ip", "-n", NAME, "address", "add", f"{NODE_ADDRESS}/32", "dev", "lo")
        # Services have no interface: the route only lets a packet be sent, so that kube-proxy can rewrite it.
        call("ip", "-n", NAME, "route", "add", SERVICE_RANGE, "dev", "lo", "src", NODE_ADDRESS)
        call("nsenter", f"--net={HANDLE}", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
    # For programs that tests/cluster/run starts; pods get the like from the kubelet.
    RESOLV_CONF.write_text(
        f"nameserver {DNS_SERVICE}\nsearch svc.{DOMAIN} {DOMAIN}\noptions ndots:5 timeout:2 attempts:2\n"
    )


def inside(function: Callable[[], T]) -> T:
    """Calls a function in the namespace: its connections, and the programs it starts, belong to it."""
    with ThreadPoolExecutor(1, initializer=_enter) as thread:
        return thread.submit(function).result()


def _enter() -> None:
    """Moves the calling thread into the namespace."""
    # os.setns comes with Python 3.12.
    libc = ctypes.CDLL(None, use_errno=True)
    with HANDLE.open("rb") as handle:
        if libc.setns(handle.fileno(), CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"cannot enter {HANDLE}: {os.strerror(number)}")


def processes() -> list[int]:
    """The processes that live in the namespace."""
    return [int(pid) for pid in call("ip", "netns", "pids", NAME).split()] if exists() else []


def delete() -> None:
    """Removes the namespace, and with it every interface, route and rule in it."""
    if exists():
        call("ip", "netns", "delete", NAME)
    HANDLE.unlink(missing_ok=True)
    folder = HANDLE.parent
    if folder.is_dir() and not any(folder.iterdir()):
        mounts.remove(folder)  # `ip netns add` mounts it onto itself
        folder.rmdir()
