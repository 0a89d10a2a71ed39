"""Images: made with buildah, kept in the cache, loaded into containerd without a registry."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import binaries
import containers
import mounts
from paths import CACHE, CHECKOUT
from process import call
from report import Failure, console, step

RELEASE = "bookworm"
BASE = f"localhost/epochal-base:{RELEASE}"
BASE_PACKAGES = "ca-certificates,python3,python3-venv,python-is-python3"
PROJECT = {
    "operator": ("localhost/epochal-operator:dev", CHECKOUT / "operator" / "Dockerfile"),
    "server": ("localhost/epochal-server:dev", CHECKOUT / "server-image" / "Dockerfile"),
    "studio": ("localhost/epochal-studio:dev", CHECKOUT / "studio-image" / "Dockerfile"),
    "trainer": ("localhost/epochal-trainer:dev", CHECKOUT / "trainer-image" / "Dockerfile"),
}
ON_DEMAND = {
    # Named like the trainer's, so that it shares its layers on the way into containerd.
    "faketime": ("localhost/epochal-trainer:faketime", CHECKOUT / "tests" / "faults" / "faketime.Dockerfile"),
}
"""Images that the project does not need: a test that needs one builds it."""

COMMITS = CACHE / "commits"
"""The files of former commits, such as the last release, which tests upgrade from."""
STORE = CACHE / "buildah"
RUN = Path("/run/epochal-buildah")
BUILDAH = ("buildah", f"--root={STORE}", f"--runroot={RUN}", "--storage-driver=overlay")
STORE_BYTES = 12 * 2**30
"""Size of old layers from which the store is built anew, which takes minutes."""
BUILD_LOGS = CACHE / "logs"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def tag(module: binaries.Module) -> str:
    """The image of a module's program; its tag changes with the module."""
    return f"localhost/epochal-{module.name}:{module.folder.name.rpartition('-')[2]}"


def ensure_program_image(module: binaries.Module) -> None:
    """Loads an image that holds nothing but a module's program."""
    reference = tag(module)
    if containers.has_image(reference):
        return
    name = binaries.program(module).name
    dockerfile = f'FROM scratch\nCOPY {name} /{name}\nENTRYPOINT ["/{name}"]\n'
    with step(f"image {reference}"):
        _build(reference, dockerfile=dockerfile, context=module.folder)
        _load(reference)


def build_project(name: str) -> None:
    """Builds one of the project's own images from its Dockerfile, and loads it into the cluster."""
    reference, dockerfile = (PROJECT | ON_DEMAND)[name]
    if not dockerfile.exists():
        raise Failure(f"there is no {dockerfile}")
    if name in PROJECT:  # images on demand are based on these
        _ensure_small_store()
    build(reference, dockerfile)


def build_commit(commit: str) -> Path:
    """Build the project's images as of a commit, tagged with it, and load them into the cluster.

    Args:
        commit: The commit; the checkout's repository must contain it.

    Returns:
        The folder with the files of that commit.
    """
    folder = COMMITS / commit
    if not folder.exists():
        COMMITS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=COMMITS, prefix="new-") as new:
            archive, files = Path(new) / "files.tar", Path(new) / "files"
            call("git", "-C", CHECKOUT, "archive", f"--output={archive}", commit)
            files.mkdir()
            call("tar", "--extract", f"--file={archive}", f"--directory={files}")
            files.rename(folder)
    for reference, dockerfile in PROJECT.values():
        tagged = f"{reference.rpartition(':')[0]}:{commit}"
        former = folder / dockerfile.relative_to(CHECKOUT)
        if former.exists() and not containers.has_image(tagged):  # a former commit may have fewer images
            build(tagged, former, folder)
    return folder


def build(reference: str, dockerfile: Path, context: Path = CHECKOUT) -> None:
    """Builds an image from a Dockerfile, and loads it into the cluster."""
    _ensure_base()
    with step(f"build {reference}"):
        _build(reference, dockerfile=dockerfile.read_text(), context=context, arguments={"BASE": BASE})
    if containers.image_id(reference) == _image_id(reference):
        console.print(f"  {reference} has not changed")
    else:
        with step(f"load {reference}"):
            _load(reference)


def release() -> None:
    """Unmounts the layers that buildah leaves mounted behind a build."""
    mounts.remove(STORE)
    shutil.rmtree(RUN, ignore_errors=True)


def _ensure_small_store() -> None:
    """Removes all that was built before if it has grown too large; buildah itself forgets no layer."""
    layers = STORE / "overlay-layers" / "layers.json"
    if layers.exists() and sum(layer.get("diff-size", 0) for layer in json.loads(layers.read_text())) > STORE_BYTES:
        with step("remove the layers of former builds"):
            release()
            shutil.rmtree(STORE)


def _ensure_base() -> None:
    """Makes the base image, a minimal Debian with Python, unless it is there."""
    if _image_id(BASE):
        return
    BUILD_LOGS.mkdir(parents=True, exist_ok=True)
    with step(f"base image {BASE}", 60), tempfile.TemporaryDirectory(dir=CACHE, prefix="base-") as folder:
        root = Path(folder) / "root"
        call(
            *("debootstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", RELEASE, root),
            log=BUILD_LOGS / "debootstrap.log",
            timeout=600,
        )
        for waste in ("var/cache/apt", "var/lib/apt/lists"):
            shutil.rmtree(root / waste)
            (root / waste).mkdir()
        call("tar", "--create", f"--file={folder}/root.tar", f"--directory={root}", "--one-file-system", ".")
        _build(BASE, dockerfile='FROM scratch\nADD root.tar /\nCMD ["python3"]\n', context=Path(folder))


def _image_id(reference: str) -> str | None:
    """The digest of a built image's configuration, or None if there is none."""
    listing = call(*BUILDAH, "images", "--no-trunc", "--format", "{{.Name}}:{{.Tag}} {{.ID}}")
    ids = dict(line.split() for line in listing.splitlines())
    return ids.get(reference)


def _build(reference: str, *, dockerfile: str, context: Path, arguments: dict[str, str] | None = None) -> None:
    BUILD_LOGS.mkdir(parents=True, exist_ok=True)
    log = BUILD_LOGS / f"{_name(reference)}.log"
    with tempfile.TemporaryDirectory(prefix="epochal-") as folder:
        file, pip, npm = (Path(folder) / name for name in ("Dockerfile", "pip.conf", "npmrc"))
        file.write_text(dockerfile)
        pip.write_text(_pip_settings())
        npm.write_text(_npm_settings())
        call(
            *(
                *BUILDAH,
                "bud",
                "--isolation=chroot",
                "--layers",
                "--force-rm",
                "--pull-never",
                f"--file={file}",
                f"--tag={reference}",
            ),
            *(f"--build-arg={name}={value}" for name, value in (arguments or {}).items()),
            # RUN steps see the machine's certificates and package registries; the image does not hold them.
            *("--volume=/etc/ssl/certs:/etc/ssl/certs:ro", f"--volume={pip}:/etc/pip.conf:ro"),
            f"--volume={npm}:/root/.npmrc:ro",
            *(f"--volume={_cache(name)}:/root/{place}" for name, place in (("pip", ".cache/pip"), ("npm", ".npm"))),
            context,
            log=log,
            timeout=1800,
        )


def _pip_settings() -> str:
    """The machine's settings of pip that hold in a container as well."""
    settings = {"cert": CERTIFICATES, "timeout": "180"}
    for name in ("index-url", "extra-index-url", "trusted-host"):
        value = os.environ.get(f"PIP_{name.upper().replace('-', '_')}")
        if value:
            settings[name] = value
    return "[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items())


def _npm_settings() -> str:
    """The machine's settings of npm that hold in a container as well."""
    settings = {"cafile": CERTIFICATES, "fetch-timeout": "180000"}
    for name, value in os.environ.items():
        if name.lower() == "npm_config_registry" and value:  # npm reads any case
            settings["registry"] = value
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _cache(name: str) -> Path:
    """The folder where a package manager keeps its downloads, for the machine and for containers."""
    cache = CACHE / name
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def _load(reference: str) -> None:
    """Brings a built image into containerd by way of an OCI layout, where unchanged layers are kept."""
    layout = CACHE / "oci" / _name(reference)
    layout.mkdir(parents=True, exist_ok=True)
    (layout / "index.json").unlink(missing_ok=True)
    call(
        # Uncompressed: nothing crosses a network, and packing would take longest of all.
        *("skopeo", "copy", "--quiet", "--dest-oci-accept-uncompressed-layers"),
        f"containers-storage:[overlay@{STORE}+{RUN}]{reference}",
        f"oci:{layout}:latest",
        timeout=600,
    )
    current = set(containers.image_blobs(layout))
    for blob in (layout / "blobs" / "sha256").iterdir():
        if blob not in current:
            blob.unlink()
    containers.import_layout(layout, reference)


def _name(reference: str) -> str:
    """An image's name without registry and tag."""
    return reference.rpartition("/")[2].partition(":")[0]
