"""The Debian packages that the cluster is made of, and those that tests use: a browser, and PyTorch."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from process import call
from report import Failure, step

PACKAGES = (
    "buildah",
    "ca-certificates",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "debootstrap",
    "gcc",
    "iproute2",
    "libc6-dev",
    "libseccomp-dev",
    "nftables",
    "pkg-config",
    "prometheus",
    "skopeo",
    "util-linux",
    "wrk",
)
BROWSER = ("chromium",)
TORCH = ("python3-torch",)
# Services that these packages bring along; the cluster starts programs of its own instead.
SERVICES = ("containerd", "prometheus")

POLICY = Path("/usr/sbin/policy-rc.d")


def missing(wanted: Sequence[str]) -> list[str]:
    listing = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n", *wanted],
        capture_output=True,
        text=True,
        check=False,  # fails when it does not know a package, which is the question
    )
    installed = {line.split()[1] for line in listing.stdout.splitlines() if line.startswith("installed ")}
    return [package for package in wanted if package not in installed]


def install(wanted: Sequence[str] = PACKAGES) -> None:
    """Installs missing packages without starting their services."""
    packages = missing(wanted)
    if not packages:
        return
    if shutil.which("apt-get") is None:
        raise Failure(f"this needs Debian 12 (no apt-get here); missing: {', '.join(packages)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    with step(f"Debian packages: {', '.join(packages)}", 45), _no_service_starts():
        call("apt-get", "update", "-q", env=quiet, timeout=300)
        call("apt-get", "install", "-q", "-y", "--no-install-recommends", *packages, env=quiet, timeout=600)
        for service in SERVICES:
            if service in packages and shutil.which("systemctl"):
                call("systemctl", "disable", service)


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Keeps Debian from starting the services that it installs."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
