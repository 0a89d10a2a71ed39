"""The programs that are built from Go modules. Their go.mod and go.sum pin them, and are their key in the cache."""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from paths import BIN, CACHE, SOURCE
from process import call
from report import Failure, console, duration, step

MODULES = SOURCE / "modules"
SHARED = MODULES / "kubernetes"
"""Kubernetes, with etcd and Helm of the versions that belong to it: the packages they share are compiled once."""


@dataclass(frozen=True)
class Module:
    """Programs that are built together.

    Attributes:
        name: what they are called together.
        seconds: how long it takes on two cores.
        source: the folder with their go.mod.
        programs: what comes out, by the Go package that each is made from.
        variables: values set in the programs by the linker.
        cgo: whether they need the C compiler.
    """

    name: str
    seconds: float
    source: Path
    programs: Mapping[str, str]
    variables: tuple[str, ...] = ()
    tags: str = ""
    cgo: bool = False

    @property
    def folder(self) -> Path:
        """The folder of its programs, whose name changes with their sources."""
        digest = hashlib.sha256(repr((self.programs, self.variables, self.tags, self.cgo)).encode())
        for file in sorted(path for path in self.source.rglob("*") if path.is_file()):
            digest.update(file.read_bytes())
        return CACHE / "bin" / f"{self.name}-{digest.hexdigest()[:12]}"


KUBERNETES = Module(
    "kubernetes",
    seconds=225,
    source=SHARED,
    programs={
        name: f"k8s.io/kubernetes/cmd/{name}"
        for name in (
            "kube-apiserver",
            "kube-controller-manager",
            "kube-proxy",
            "kube-scheduler",
            "kubectl",
            "kubelet",
        )
    },
    variables=("k8s.io/component-base/version.gitVersion=v1.34.4",),
)
ETCD = Module("etcd", seconds=10, source=SHARED, programs={"etcd": "go.etcd.io/etcd/server/v3"})
COREDNS = Module("coredns", seconds=45, source=MODULES / "coredns", programs={"coredns": "."})
HELM = Module(
    "helm",
    seconds=45,
    source=SHARED,
    programs={"helm": "helm.sh/helm/v3/cmd/helm"},
    # The version of the cluster that `helm template` assumes.
    variables=tuple(
        f"helm.sh/helm/v3/pkg/{package}.k8sVersion{part}"
        for package in ("chartutil", "lint/rules")
        for part in ("Major=1", "Minor=34")
    ),
)
HELM4 = Module("helm4", seconds=110, source=MODULES / "helm4", programs={"helm4": "helm.sh/helm/v4/cmd/helm"})
"""The other major version of Helm that users have: the chart's tests render and lint with both."""
RUNC = Module(
    "runc",
    seconds=15,
    source=MODULES / "runc",
    programs={"runc": "github.com/opencontainers/runc"},
    tags="seccomp",
    cgo=True,
)
MINIO = Module("minio", seconds=90, source=MODULES / "minio", programs={"minio": "github.com/minio/minio"})
PAUSE = Module("pause", seconds=2, source=MODULES / "pause", programs={"pause": "."})
VERSITYGW = Module(
    "versitygw",
    seconds=50,
    source=MODULES / "versitygw",
    programs={"versitygw": "github.com/versity/versitygw/cmd/versitygw"},
)
KWOK = Module("kwok", seconds=60, source=MODULES / "kwok", programs={"kwok": "sigs.k8s.io/kwok/cmd/kwok"})
ADMISSION = Module("admission", seconds=60, source=MODULES / "admission", programs={"admission": "."})
"""Evaluates admission policies with the code of the API server, but without one."""
ALL = (KUBERNETES, ETCD, RUNC, COREDNS, MINIO, HELM, PAUSE)
ON_DEMAND = (VERSITYGW, KWOK, ADMISSION, HELM4)
"""Programs that the cluster does not need: a test or a bench that needs one builds it."""


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
    # A folder takes all programs, each named like its package: one alone gets its own name.
    output = part / next(iter(module.programs)) if len(module.programs) == 1 else f"{part}/"
    call(
        *("go", "build", f"-o={output}", "-trimpath", "-buildvcs=false", f"-tags={module.tags}", f"-ldflags={flags}"),
        # The linker drops it all: a tenth of the time.
        "-gcflags=all=-dwarf=false",
        *module.programs.values(),
        cwd=module.source,
        # The compiler collects its garbage less often: another tenth.
        env={"GOWORK": "off", "CGO_ENABLED": str(int(module.cgo)), "GOGC": "400"},
        timeout=1800,
    )
    for outdated in target.parent.glob(f"{module.name}-*"):
        shutil.rmtree(outdated)
    part.rename(target)


def program(module: Module, name: str | None = None) -> Path:
    """The path of a program; without a name, of the module's only one."""
    return module.folder / (name or next(iter(module.programs)))


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
