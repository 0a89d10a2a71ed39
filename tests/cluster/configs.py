"""The configuration files of the components, as data. A setting that is not Kubernetes' default has its reason."""

import json
from pathlib import Path
from typing import Any

import binaries
import images
import network
import pki
import yaml
from paths import CONFIG, CONTAINERD_ROOT, CONTAINERD_SOCKET, CONTAINERD_STATE, LOGS, STATE

CNI = CONFIG / "cni"


def kubelet() -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki.certificate("ca"))},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pki.certificate("kubelet-server")),
        "tlsPrivateKeyFile": str(pki.key("kubelet-server")),
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        # The machine may still have cgroup v1, and no systemd to ask.
        "cgroupDriver": "cgroupfs",
        "failSwapOn": False,
        # A ConfigMap that comes later is seen when its pod is looked at again: no test shall wait minutes for it.
        "syncFrequency": "5s",
        "clusterDomain": network.DOMAIN,
        "clusterDNS": [network.DNS_SERVICE],
        # The machine's name servers cannot be reached from here.
        "resolvConf": "",
        # Images come from no registry: one that is thrown away to make room would be gone.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
        "makeIPTablesUtilChains": False,
        # Lowering a process' score takes a right that root in a sandbox does not have.
        "oomScoreAdj": 0,
        "podLogsDir": str(LOGS / "pods"),
        "volumePluginDir": str(STATE / "kubelet-plugins"),
    }


def kube_proxy() -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(pki.kubeconfig("kube-proxy"))},
        "clusterCIDR": network.POD_RANGE,
        "hostnameOverride": pki.NODE,
        "oomScoreAdj": 0,
        # These would change settings of the machine, not of the namespace.
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }


def kube_scheduler() -> dict[str, Any]:
    return {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        # Raised, so that a test of throughput measures the operator and not the scheduler's own limit.
        "clientConnection": {"kubeconfig": str(pki.kubeconfig("kube-scheduler")), "qps": 500, "burst": 1000},
        "leaderElection": {"leaderElect": False},
    }


def cni() -> dict[str, Any]:
    """The pods' network: a link of its own for each, addresses from one range."""
    return {
        "cniVersion": "1.0.0",
        "name": "epochal",
        "plugins": [
            {
                "type": "ptp",
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": network.POD_RANGE}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                    "dataDir": str(STATE / "cni"),
                },
            }
        ],
    }


def containerd() -> str:
    """Containerd's configuration, as TOML."""
    return f"""\
version = 2
root = "{CONTAINERD_ROOT}"
state = "{CONTAINERD_STATE}"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]

[grpc]
address = "{CONTAINERD_SOCKET}"

[plugins."io.containerd.internal.v1.opt"]
path = "{STATE}/opt"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{images.tag(binaries.PAUSE)}"
# A process may not lower its own OOM score in a sandbox; without this no pod would start there.
restrict_oom_score_adj = true
# Below the state folder, so that it goes with the cluster.
netns_mounts_under_state_dir = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{CNI}"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "{binaries.program(binaries.RUNC)}"
Root = "{STATE}/runc"
SystemdCgroup = false
"""


def write() -> None:
    CNI.mkdir(parents=True, exist_ok=True)
    (CNI / "10-epochal.conflist").write_text(json.dumps(cni(), indent=2))
    path("containerd.toml").write_text(containerd())
    for name, config in (
        ("kubelet.yaml", kubelet()),
        ("kube-proxy.yaml", kube_proxy()),
        ("kube-scheduler.yaml", kube_scheduler()),
    ):
        path(name).write_text(yaml.safe_dump(config, sort_keys=False))


def path(name: str) -> Path:
    return CONFIG / name
