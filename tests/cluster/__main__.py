"""The local cluster's command line: `python tests/cluster up`."""

import argparse
import sys
from pathlib import Path

from rich.markup import escape

import cluster
import images
from paths import KUBECONFIG
from report import Failure, console


def main() -> int:
    """Runs one command.

    Returns:
        The exit status: 0, or 1 after a failure, which was printed.
    """
    arguments = _parser().parse_args()
    try:
        match arguments.command:
            case "up":
                cluster.up()
            case "down":
                cluster.down()
            case "images":
                cluster.build_images(arguments.names or list(images.PROJECT))
            case "load":
                cluster.load(arguments.archive)
            case "kubeconfig":
                print(KUBECONFIG)
            case "start":
                cluster.start(arguments.component)
            case "stop":
                cluster.stop(arguments.component)
            case "restart":
                cluster.restart(arguments.component)
    except Failure as failure:
        console.print("[bold red]✗[/]", escape(str(failure)))
        return 1
    except KeyboardInterrupt:
        console.print("interrupted; run the command again to go on, or make cluster-down to clean up")
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests/cluster", description="A real one-node Kubernetes on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="bring the cluster up, or back into shape")
    commands.add_parser("down", help="remove it and all that belongs to it; the cache of binaries and images stays")
    build = commands.add_parser("images", help="build the project's images and load them into the cluster")
    build.add_argument("names", nargs="*", choices=[[], *images.PROJECT], metavar="|".join(images.PROJECT))
    load = commands.add_parser("load", help="load an archive of images into the cluster")
    load.add_argument("archive", type=Path)
    commands.add_parser("kubeconfig", help="print the path of the cluster's kubeconfig")
    for name in ("start", "stop", "restart"):
        single = commands.add_parser(name, help=f"{name} one component, such as etcd, kube-apiserver or kubelet")
        single.add_argument("component")
    return parser


sys.exit(main())
