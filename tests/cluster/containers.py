"""The images and containers of containerd, through its own command line tool."""

import json
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path
from typing import IO, Any, cast

from paths import CONTAINERD_SOCKET
from process import call, tail
from report import Failure

# The namespace in which the kubelet's containers and images live.
CTR = ("ctr", f"--address={CONTAINERD_SOCKET}", "--namespace=k8s.io")


def answers() -> bool:
    if not CONTAINERD_SOCKET.exists():
        return False
    return subprocess.run([*CTR, "version"], capture_output=True, timeout=20, check=False).returncode == 0


def has_image(reference: str) -> bool:
    """Whether an image of this name is there."""
    return manifest_digest(reference) is not None


def manifest_digest(reference: str) -> str | None:
    """The digest of an image's manifest, or None if there is no such image."""
    lines = call(*CTR, "images", "ls", f"name=={reference}").splitlines()[1:]
    return lines[0].split()[2] if lines else None


def image_id(reference: str) -> str | None:
    """The digest of an image's configuration, which builders know; None if there is no such image."""
    digest = manifest_digest(reference)
    if digest is None:
        return None
    manifest = json.loads(call(*CTR, "content", "get", digest))
    return str(manifest["config"]["digest"])


def import_layout(layout: Path, reference: str) -> None:
    """Loads an image from an OCI layout: only the layers that containerd does not have are sent."""
    present = set(call(*CTR, "content", "ls", "-q").split())
    descriptor = json.loads((layout / "index.json").read_text())["manifests"][0]
    descriptor["annotations"] = {"io.containerd.image.name": reference}
    index = {"schemaVersion": 2, "manifests": [descriptor]}
    blobs = [blob for blob in image_blobs(layout) if f"sha256:{blob.name}" not in present]
    with subprocess.Popen(
        [*CTR, "images", "import", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as importer:
        try:
            with tarfile.open(fileobj=cast("IO[bytes]", importer.stdin), mode="w|", bufsize=2**20) as archive:
                _add(archive, "oci-layout", {"imageLayoutVersion": "1.0.0"})
                for blob in blobs:
                    archive.add(blob, f"blobs/sha256/{blob.name}")
                _add(archive, "index.json", index)
        except BrokenPipeError:
            pass  # it ended early, and says why
        output, _ = importer.communicate(timeout=600)
    if importer.returncode:
        raise Failure(f"containerd does not take {reference}\n{tail(output.decode(errors='replace'))}")


def image_blobs(layout: Path) -> list[Path]:
    """The files of the image in an OCI layout: its manifest, its configuration and its layers."""

    def blob(descriptor: dict[str, Any]) -> Path:
        return layout / "blobs" / "sha256" / str(descriptor["digest"]).removeprefix("sha256:")

    manifest = blob(json.loads((layout / "index.json").read_text())["manifests"][0])
    content = json.loads(manifest.read_text())
    return [manifest, blob(content["config"]), *map(blob, content["layers"])]


def _add(archive: tarfile.TarFile, name: str, content: dict[str, Any]) -> None:
    data = json.dumps(content).encode()
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, BytesIO(data))


def remove_all() -> None:
    """Kills every container and forgets it; images stay."""
    tasks = call(*CTR, "tasks", "ls", "-q").split()
    if tasks:
        subprocess.run([*CTR, "tasks", "rm", "--force", *tasks], capture_output=True, timeout=60, check=False)
    names = call(*CTR, "containers", "ls", "-q").split()
    if names:
        call(*CTR, "containers", "rm", *names)
