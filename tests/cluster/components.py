"""The cluster's components: how each is started, and when it is ready."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import apiserver
import binaries
import configs
import containers
import network
import pki
import process
from paths import STATE
from report import Failure

ISSUER = f"https://kubernetes.default.svc.{network.DOMAIN}"
ETCD = "http://127.0.0.1:2379"


@dataclass(frozen=True)
class Component:
    """A program that runs as long as the cluster does.

    Attributes:
        ready: whether it does its work.
        timeout: how long it may take to get there, in seconds.
        grace: how long it may take to stop, in seconds.
    """

    name: str
    argv: tuple[str, ...]
    ready: Callable[[], bool]
    timeout: float = 60
    grace: float = 5

    def running(self) -> bool:
        """Whether it runs with the expected command line."""
        return process.command_of(self.name) == list(self.argv)

    def start(self) -> None:
        """Starts it; one that runs already, with another command line, is replaced."""
        if not self.running():
            process.stop([self.name], self.grace)
            process.start(self.name, self.argv)

    def wait(self) -> None:
        """Waits until it is ready.

        Raises:
            Failure: it ended, or was not ready in time.
        """
        process.wait_until(
            self._settled, what=self.name, timeout=self.timeout, why_not=partial(process.log_of, self.name)
        )

    def stop(self) -> None:
        process.stop([self.name], self.grace)

    def _settled(self) -> bool:
        if process.pid_of(self.name) is None:
            raise Failure(f"{self.name} ended\n{process.log_of(self.name)}")
        return self.ready()


def stages() -> tuple[tuple[Component, ...], ...]:
    """The components in the order in which they need one another."""
    return (
        (_containerd(), _etcd()),
        (_api_server(),),
        (_controller_manager(), _scheduler(), _kubelet(), _kube_proxy()),
    )


def named(name: str) -> Component:
    known = {component.name: component for stage in stages() for component in stage}
    if name not in known:
        raise Failure(f"no component is called {name!r}; there are {', '.join(known)}")
    return known[name]


def _kubernetes(name: str, *flags: str) -> tuple[str, ...]:
    return (str(binaries.program(binaries.KUBERNETES, name)), *flags)


def _containerd() -> Component:
    return Component(
        "containerd",
        ("/usr/bin/containerd", f"--config={configs.path('containerd.toml')}"),
        containers.answers,
    )


def _etcd() -> Component:
    return Component(
        "etcd",
        (
            str(binaries.program(binaries.ETCD)),
            f"--data-dir={STATE}/etcd",
            f"--listen-client-urls={ETCD}",
            f"--advertise-client-urls={ETCD}",
            "--listen-peer-urls=http://127.0.0.1:2380",
            # Only a crash of the machine loses unsynced data, and the cluster with them.
            "--unsafe-no-fsync",
            "--log-level=warn",
        ),
        partial(apiserver.healthy, f"{ETCD}/health"),
    )


def _api_server() -> Component:
    return Component(
        "kube-apiserver",
        _kubernetes(
            "kube-apiserver",
            f"--etcd-servers={ETCD}",
            f"--advertise-address={network.NODE_ADDRESS}",
            "--secure-port=6443",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction,OwnerReferencesPermissionEnforcement",
            "--allow-privileged",
            f"--client-ca-file={pki.certificate('ca')}",
            f"--tls-cert-file={pki.certificate('kube-apiserver')}",
            f"--tls-private-key-file={pki.key('kube-apiserver')}",
            f"--service-cluster-ip-range={network.SERVICE_RANGE}",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={pki.SERVICE_ACCOUNT_PUBLIC_KEY}",
            f"--service-account-signing-key-file={pki.key('service-accounts')}",
            f"--kubelet-certificate-authority={pki.certificate('ca')}",
            f"--kubelet-client-certificate={pki.certificate('kube-apiserver-kubelet-client')}",
            f"--kubelet-client-key={pki.key('kube-apiserver-kubelet-client')}",
            # The node's name has no DNS record.
            "--kubelet-preferred-address-types=InternalIP",
        ),
        apiserver.ready,
    )


def _controller_manager() -> Component:
    kubeconfig = pki.kubeconfig("kube-controller-manager")
    return Component(
        "kube-controller-manager",
        _kubernetes(
            "kube-controller-manager",
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            "--authentication-skip-lookup",
            "--leader-elect=false",
            "--use-service-account-credentials",
            f"--root-ca-file={pki.certificate('ca')}",
            f"--service-account-private-key-file={pki.key('service-accounts')}",
            f"--cluster-signing-cert-file={pki.certificate('ca')}",
            f"--cluster-signing-key-file={pki.key('ca')}",
            # Raised, so that a test of throughput measures the operator and not this limit.
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
        ),
        partial(apiserver.healthy, "https://127.0.0.1:10257/healthz"),
    )


def _scheduler() -> Component:
    kubeconfig = pki.kubeconfig("kube-scheduler")
    return Component(
        "kube-scheduler",
        _kubernetes(
            "kube-scheduler",
            f"--config={configs.path('kube-scheduler.yaml')}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            "--authentication-skip-lookup",
        ),
        partial(apiserver.healthy, "https://127.0.0.1:10259/healthz"),
    )


def _kubelet() -> Component:
    return Component(
        "kubelet",
        _kubernetes(
            "kubelet",
            f"--config={configs.path('kubelet.yaml')}",
            f"--kubeconfig={pki.kubeconfig('kubelet')}",
            f"--root-dir={STATE}/kubelet",
            f"--hostname-override={pki.NODE}",
            f"--node-ip={network.NODE_ADDRESS}",
        ),
        partial(apiserver.healthy, "http://127.0.0.1:10248/healthz"),
    )


def _kube_proxy() -> Component:
    return Component(
        "kube-proxy",
        _kubernetes("kube-proxy", f"--config={configs.path('kube-proxy.yaml')}"),
        partial(apiserver.healthy, "http://127.0.0.1:10256/healthz"),
    )
