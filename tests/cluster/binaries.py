"""The programs built from Go modules: each module pins one project, and its go.sum is the key in the cache."""

import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from paths import BIN, CACHE, SOURCE
from process import call
from report import Failure, console, duration, step

MODULES = SOURCE / "modules"


@dataclass(frozen=True)
class Module:
    """A folder below modules/ whose go.mod names programs to build.

    Attributes:
        name: the folder.
        seconds: how long it takes to build on two cores.
        programs: what comes out.
        variables: values set in the program by the linker.
        tags: build tags.
        cgo: whether it needs the C compiler.
        renamed: programs that get a better name than their module gives them.
    """

    name: str
    seconds: float
    programs: tuple[str, ...]
    variables: tuple[str, ...] = ()
    tags: str = ""
    cgo: bool = False
    renamed: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> Path:
        """Where its go.mod lies."""
        return MODULES / self.name

    @property
    def folder(self) -> Path:
        """Where its programs lie, under a name that changes with what they are made from."""
        digest = hashlib.sha256(repr((self.variables, self.tags, self.cgo)).encode())
        for file in sorted(self.source.iterdir()):
            digest.update(file.read_bytes())
        return CACHE / "bin" / f"{self.name}-{digest.hexdigest()[:12]}"


KUBERNETES = Module(
    "kubernetes",
    seconds=300,
    programs=(
        "kube-apiserver",
        "kube-controller-manager",
        "kube-proxy",
        "kube-scheduler",
        "kubectl",
        "kubelet",
    ),
    variables=("k8s.io/component-base/version.gitVersion=v1.34.4",),
)
ETCD = Module("etcd", seconds=20, programs=("etcd",), renamed={"server": "etcd"})
RUNC = Module("runc", seconds=15, programs=("runc",), tags="seccomp", cgo=True)
COREDNS = Module("coredns", seconds=110, programs=("coredns",))
MINIO = Module("minio", seconds=110, programs=("minio",))
HELM = Module(
    "helm",
    seconds=60,
    programs=("helm",),
    # What `helm template` takes a cluster for, without one.
    variables=tuple(
        f"helm.sh/helm/v3/pkg/{package}.k8sVersion{part}"
        for package in ("chartutil", "lint/rules")
        for part in ("Major=1", "Minor=34")
    ),
)
PAUSE = Module("pause", seconds=2, programs=("pause",))
SEAWEEDFS = Module("seaweedfs", seconds=240, programs=("weed",))
ALL = (KUBERNETES, ETCD, RUNC, COREDNS, MINIO, HELM, PAUSE)
ON_DEMAND = (SEAWEEDFS,)
"""What the cluster does without: a test that needs it has it built."""


def missing() -> list[Module]:
    """The modules of the cluster that are not in the cache."""
    return [module for module in ALL if not module.folder.exists()]


def build(modules: list[Module]) -> None:
    """Builds modules into the cache."""
    if len(modules) > 1:
        whole = sum(module.seconds for module in modules)
        console.print(f"{len(modules)} Go modules to build, about {duration(whole)} on two cores; kept in {CACHE}")
    for module in modules:
        with step(f"build {', '.join(module.programs)}", module.seconds):
            _build(module)


def _build(module: Module) -> None:
    target = module.folder
    part = target.with_name(f".{target.name}")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    flags = " ".join(["-s", "-w", *(f"-X {variable}" for variable in module.variables)])
    call(
        *(
            "go",
            "install",
            "-trimpath",
            "-buildvcs=false",
            f"-tags={module.tags}",
            f"-ldflags={flags}",
            "tool",
        ),
        cwd=module.source,
        env={"GOBIN": str(part), "GOWORK": "off", "CGO_ENABLED": str(int(module.cgo))},
        timeout=1800,
    )
    for old, new in module.renamed.items():
        (part / old).rename(part / new)
    for outdated in target.parent.glob(f"{module.name}-*"):
        shutil.rmtree(outdated)
    part.rename(target)


def program(module: Module, name: str | None = None) -> Path:
    """The path of a program; without a name, of the module's only one."""
    return module.folder / (name or module.programs[0])


def named(name: str) -> Module:
    """Returns the module that builds a program.

    Raises:
        Failure: If there is none.
    """
    for module in (*ALL, *ON_DEMAND):
        if name in module.programs:
            return module
    raise Failure(f"no program is called {name}")


def link() -> None:
    """Puts all programs into one folder, for PATH."""
    BIN.mkdir(parents=True, exist_ok=True)
    for module in ALL:
        for name in module.programs:
            link = BIN / name
            link.unlink(missing_ok=True)
            link.symlink_to(program(module, name))
