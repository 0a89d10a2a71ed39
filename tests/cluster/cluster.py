"""The cluster as a whole: up, down, and single components stopped and started."""

import fcntl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import addons
import binaries
import cleanup
import components
import configs
import containers
import forward
import images
import kernel
import machine
import network
import packages
import pki
from paths import CACHE, CONFIG, KUBECONFIG, LOGS, PIDS, STATE
from report import Failure, console, duration, step

# Free space, in GiB: to build everything, and to run.
TO_BUILD, TO_RUN = 15, 5
UP_SECONDS = 20


def up() -> None:
    """Brings the cluster up, or back into shape; where nothing is wrong, nothing is done."""
    machine.check_root()
    started = time.monotonic()
    if not (network.exists() and network.inside(_healthy)):
        with _alone():
            _provide()
            _prepare()
            try:
                network.inside(_bring_up)
            except Failure as failure:
                raise Failure(f"{failure}\nShould this remain: make cluster-down, and begin anew.") from failure
    console.print(f"The cluster is up ({duration(time.monotonic() - started)}).  KUBECONFIG={KUBECONFIG}")


def down() -> None:
    """Removes the cluster; the cache stays."""
    machine.check_root()
    with _alone(), step("cluster down", 10):
        cleanup.remove_cluster()


def start(name: str) -> None:
    """Starts a component that was stopped, and waits until it is ready."""
    _require_cluster()
    with _alone(), step(f"start {name}"):
        network.inside(lambda: _start(components.named(name)))


def stop(name: str) -> None:
    """Stops a component, until it is started again."""
    _require_cluster()
    with _alone(), step(f"stop {name}"):
        components.named(name).stop()


def restart(name: str) -> None:
    """Stops a component, starts it, and waits until it is ready."""
    stop(name)
    start(name)


def build_images(names: list[str]) -> None:
    """Builds the project's images, or those named, and loads them into the cluster."""
    known = images.PROJECT | images.ON_DEMAND
    unknown = set(names) - set(known)
    if unknown:
        raise Failure(f"no image is called {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    _require_cluster()
    with _alone():
        try:
            for name in names or images.PROJECT:
                images.build_project(name)
        finally:
            images.release()


def build_commit(commit: str) -> None:
    """Builds the project's images as of a commit, tagged with it, and prints the folder with its files."""
    _require_cluster()
    with _alone():
        try:
            folder = images.build_commit(commit)
        finally:
            images.release()
    print(folder)


def program(name: str) -> None:
    """Builds a program if need be, and prints its path."""
    module = binaries.named(name)
    if not module.folder.exists():
        machine.check_go()
        with _alone():
            binaries.build([module])
            if STATE.exists() and module in binaries.ALL:
                binaries.link()
    print(binaries.program(module, name))


def program_image(name: str) -> None:
    """Builds the image of a program if need be, loads it into the cluster, and prints its name."""
    _require_cluster()
    module = binaries.named(name)
    with _alone():
        if not module.folder.exists():
            machine.check_go()
            binaries.build([module])
        try:
            images.ensure_program_image(module)
        finally:
            images.release()
    print(images.tag(module))


def image_id(name: str) -> None:
    """Prints the identity of one of the project's images as the cluster has it: it changes with the image."""
    reference, _ = images.PROJECT[name]
    print(containers.image_id(reference))


def browser() -> None:
    """Installs the browser that tests look at pages with, if need be."""
    _install(packages.BROWSER)


def torch() -> None:
    """Installs PyTorch, which runs exported networks in tests, if need be."""
    _install(packages.TORCH)


def _install(wanted: Sequence[str]) -> None:
    if packages.missing(wanted):
        machine.check_root()
        with _alone():
            packages.install(wanted)


def open_ports() -> None:
    """Forwards loopback ports of the machine to MinIO, Studio and the model servers, until Ctrl-C."""
    _require_cluster()
    forward.serve(forward.services())


def kubeconfig() -> None:
    """Prints the path of the administrator's kubeconfig."""
    print(KUBECONFIG)


def _healthy() -> bool:
    return all(component.running() for stage in components.stages() for component in stage) and addons.ready()


def _provide() -> None:
    """Installs the packages and builds the programs of the cluster."""
    modules = binaries.missing()
    if modules:
        machine.check_go()
    machine.check_disk(CACHE, TO_BUILD if modules else TO_RUN)
    machine.check_disk(STATE, TO_RUN)
    packages.install()
    binaries.build(modules)


def _prepare() -> None:
    """The network namespace and the files that components read."""
    for folder in (STATE, CONFIG, LOGS, PIDS):
        folder.mkdir(parents=True, exist_ok=True)
    network.create()
    binaries.link()
    pki.ensure()
    configs.write()
    kernel.save()


def _bring_up() -> None:
    console.print(f"Bringing the cluster up takes about {duration(UP_SECONDS)}; it lies in {STATE}")
    for stage in components.stages():
        with step(", ".join(component.name for component in stage)):
            for component in stage:
                component.start()
            for component in stage:
                component.wait()
    for module in (binaries.PAUSE, binaries.COREDNS, binaries.MINIO):
        images.ensure_program_image(module)
    images.release()
    with step("node"):
        addons.wait_for_node()
    with step("DNS and MinIO"):
        addons.apply()
        addons.wait_for_workloads()


def _start(component: components.Component) -> None:
    component.start()
    component.wait()
    if component.name == "kubelet":
        addons.wait_for_node()


def _require_cluster() -> None:
    machine.check_root()
    if not network.exists():
        raise Failure("the cluster is not up: make cluster-up")


@contextmanager
def _alone() -> Iterator[None]:
    """Keeps two commands from changing the cluster at once; the later one waits."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with step("wait for another command on this cluster to end"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield
